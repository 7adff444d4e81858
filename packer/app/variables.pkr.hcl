variable "docker_worker_opts" {
  type        = string
  default     = ""
  description = "Local file that replaces /etc/default/docker-worker. Empty: the shipped one. docker_worker_opts_example.sh is an example."
}

variable "packages" {
  type        = string
  description = "Folder with the packages to install. bin/deploy packer builds them, and sets it."
}

variable "images" {
  type        = list(string)
  default     = []
  description = "Container images that the machine image shall have already; pulled with the engine's own command line."
}

variable "os" {
  type        = string
  default     = "debian-12"
  description = "Which base image: debian-12, debian-13 or amazon-linux-2023."

  validation {
    condition     = contains(["debian-12", "debian-13", "amazon-linux-2023"], var.os)
    error_message = "The os is debian-12, debian-13 or amazon-linux-2023."
  }
}

variable "arch" {
  type        = string
  default     = "amd64"
  description = "Processor: amd64 or arm64. Give an instance_type that has it."

  validation {
    condition     = contains(["amd64", "arm64"], var.arch)
    error_message = "The arch is amd64 or arm64."
  }
}

variable "source_ami_name" {
  type        = string
  default     = ""
  description = "Name filter of the base image. Empty: the newest docker-worker-base-OS-ARCH-*."
}

variable "source_ami_owner" {
  type        = string
  default     = "self"
  description = "Account that owns the base image."
}

variable "ssh_username" {
  type        = string
  default     = ""
  description = "User to log in as. Empty: the one of the os."
}

variable "instance_type" {
  type        = string
  default     = "t3.small"
  description = "Type of the building machine; t4g.small for arm64. The fleet's is its own."
}

variable "ami_prefix" {
  type        = string
  default     = "docker-worker"
  description = "The image is named PREFIX-OS-ARCH-TIME."
}

variable "ami_users" {
  type        = list(string)
  default     = []
  description = "Accounts that may start the image. An encrypted one needs a key that they may use."
}
