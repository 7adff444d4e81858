# The image of the fleet: docker-worker on the base image, with its settings and the images of its tasks.
#
#   bin/deploy packer -var docker_worker_opts=localconfig -var 'images=["debian:12"]'

locals {
  architecture = { amd64 = "x86_64", arm64 = "arm64" }[var.arch]
  user         = var.ssh_username != "" ? var.ssh_username : (var.os == "amazon-linux-2023" ? "ec2-user" : "admin")
  source       = var.source_ami_name != "" ? var.source_ami_name : "docker-worker-base-${var.os}-${var.arch}-*"
  opts         = var.docker_worker_opts != "" ? var.docker_worker_opts : "${path.root}/etc/default/docker-worker"
  tags         = merge({ Project = "docker-worker", Layer = "app", OS = var.os }, var.tags)
}

source "amazon-ebs" "app" {
  ami_name        = "${var.ami_prefix}-${var.os}-${var.arch}-${formatdate("YYYYMMDD-hhmmss", timestamp())}"
  ami_description = "docker-worker on ${var.os}, ${var.arch}"
  ami_regions     = var.copy_to_regions
  ami_users       = var.ami_users
  region          = var.region
  instance_type   = var.instance_type

  source_ami_filter {
    filters = {
      name                = local.source
      architecture        = local.architecture
      root-device-type    = "ebs"
      virtualization-type = "hvm"
    }
    owners      = [var.source_ami_owner]
    most_recent = true
  }

  # Only the plugin knows this: the check with Debian's packer leaves the paragraph out.
  imds_support = "v2.0"
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  subnet_id                             = var.subnet_id
  security_group_ids                    = var.security_group_ids
  temporary_security_group_source_cidrs = var.ssh_cidrs
  associate_public_ip_address           = var.public_ip
  ssh_username                          = local.user
  ssh_clear_authorized_keys             = true

  tags            = local.tags
  snapshot_tags   = local.tags
  run_tags        = local.tags
  run_volume_tags = local.tags
}

build {
  sources = ["source.amazon-ebs.app"]

  provisioner "shell" {
    inline = [
      "if command -v cloud-init >/dev/null; then sudo cloud-init status --wait || true; fi",
      "mkdir -p /tmp/app",
    ]
  }

  provisioner "file" {
    source      = "${var.packages}/"
    destination = "/tmp/app"
  }

  provisioner "file" {
    source      = local.opts
    destination = "/tmp/app/docker_worker_opts"
  }

  provisioner "shell" {
    script          = "${path.root}/provision.sh"
    execute_command = "sudo bash '{{ .Path }}' /tmp/app ${join(" ", var.images)}"
  }

  provisioner "shell" {
    script          = "${path.root}/../clean.sh"
    execute_command = "sudo bash '{{ .Path }}'"
  }
}
