# The base image: a current distribution with the container engine, tuned. It changes rarely; app/ builds on it.
#
#   bin/deploy packer-base -var os=debian-12 -var region=eu-central-1

locals {
  architecture = { amd64 = "x86_64", arm64 = "arm64" }[var.arch]

  publishers = {
    debian-12 = {
      name  = "debian-12-${var.arch}-*"
      owner = "136693071363"
      user  = "admin"
    }
    debian-13 = {
      name  = "debian-13-${var.arch}-*"
      owner = "136693071363"
      user  = "admin"
    }
    amazon-linux-2023 = {
      name  = "al2023-ami-2023.*-${local.architecture}"
      owner = "137112412989"
      user  = "ec2-user"
    }
  }

  source = {
    name  = var.source_ami_name != "" ? var.source_ami_name : local.publishers[var.os].name
    owner = var.source_ami_owner != "" ? var.source_ami_owner : local.publishers[var.os].owner
    user  = var.ssh_username != "" ? var.ssh_username : local.publishers[var.os].user
  }

  tags = merge({ Project = "docker-worker", Layer = "base", OS = var.os }, var.tags)
}

source "amazon-ebs" "base" {
  ami_name        = "${var.ami_prefix}-${var.os}-${var.arch}-${formatdate("YYYYMMDD-hhmmss", timestamp())}"
  ami_description = "Container engine for docker-worker on ${var.os}, ${var.arch}"
  ami_regions     = var.copy_to_regions
  region          = var.region
  instance_type   = var.instance_type
  encrypt_boot    = var.encrypted

  source_ami_filter {
    filters = {
      name                = local.source.name
      architecture        = local.architecture
      root-device-type    = "ebs"
      virtualization-type = "hvm"
    }
    owners      = [local.source.owner]
    most_recent = true
  }

  launch_block_device_mappings {
    device_name           = "/dev/xvda"
    volume_type           = "gp3"
    volume_size           = var.volume_size
    iops                  = 3000
    throughput            = 125
    delete_on_termination = true
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
  ssh_username                          = local.source.user
  ssh_clear_authorized_keys             = true

  tags            = local.tags
  snapshot_tags   = local.tags
  run_tags        = local.tags
  run_volume_tags = local.tags
}

build {
  sources = ["source.amazon-ebs.base"]

  # The machine must not change under the package manager's feet.
  provisioner "shell" {
    inline = [
      "if command -v cloud-init >/dev/null; then sudo cloud-init status --wait || true; fi",
      "mkdir -p /tmp/base",
    ]
  }

  provisioner "file" {
    source      = "${path.root}/"
    destination = "/tmp/base"
  }

  provisioner "shell" {
    inline = [
      "sudo bash /tmp/base/provision.sh",
      "rm -rf /tmp/base",
    ]
  }

  provisioner "shell" {
    script          = "${path.root}/../clean.sh"
    execute_command = "sudo bash '{{ .Path }}'"
  }
}
