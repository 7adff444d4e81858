# Apart from the rest: packer before 1.7, which Debian ships and the checks use, knows no such block.
packer {
  required_version = ">= 1.9"

  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = ">= 1.2.8, < 2.0.0"
    }
  }
}
