# Where the machine that becomes an image runs while it is built. Without a subnet it is the default one of the region.

variable "region" {
  type        = string
  default     = "us-east-1"
  description = "Region to build in."
}

variable "copy_to_regions" {
  type        = list(string)
  default     = []
  description = "Further regions that get a copy of the image."
}

variable "subnet_id" {
  type        = string
  default     = ""
  description = "Subnet to build in. Empty: the default one."
}

variable "security_group_ids" {
  type        = list(string)
  default     = []
  description = "Security groups of the building machine. None: packer makes one, which lets ssh_cidrs in."
}

variable "ssh_cidrs" {
  type        = list(string)
  default     = ["0.0.0.0/0"]
  description = "Addresses that may reach the building machine, with the key that packer makes for it."
}

variable "public_ip" {
  type        = bool
  default     = true
  description = "Reach the building machine by a public address; false from inside the VPC."
}

variable "tags" {
  type        = map(string)
  default     = {}
  description = "Tags for the image, its snapshots, and what exists while it is built."
}
