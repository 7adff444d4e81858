variable "os" {
  type        = string
  default     = "debian-12"
  description = "What to build on: debian-12, debian-13 or amazon-linux-2023."

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
  description = "Name filter of the image to build on, with wildcards. Empty: the newest official one of the os."
}

variable "source_ami_owner" {
  type        = string
  default     = ""
  description = "Account that owns it. Empty: the publisher of the os."
}

variable "ssh_username" {
  type        = string
  default     = ""
  description = "User to log in as. Empty: the one of the os."
}

variable "instance_type" {
  type        = string
  default     = "t3.small"
  description = "Type of the building machine; t4g.small for arm64."
}

variable "ami_prefix" {
  type        = string
  default     = "docker-worker-base"
  description = "The image is named PREFIX-OS-ARCH-TIME. The app template looks for it by that name."
}

variable "volume_size" {
  type        = number
  default     = 20
  description = "Root disk in GiB. Engine data is on it where an instance has no storage of its own."
}

variable "encrypted" {
  type        = bool
  default     = true
  description = "Encrypt the snapshot with the account's default key. An encrypted image cannot be made public."
}
