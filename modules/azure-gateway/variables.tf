# ---------------------------------------------------------------------------
# The core that every gateway module shares
# ---------------------------------------------------------------------------

variable "region" {
  type        = string
  description = "Region that the gateways are in, as `CLOUD:NAME`."

  validation {
    condition     = can(regex("^azure:[a-z0-9-]+$", var.region))
    error_message = "The region of this module is one of Azure: azure:westus2."
  }
}

variable "run" {
  type        = string
  description = "Id of the run that the gateways serve. An agent answers to its own run only."

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]*$", var.run))
    error_message = "A run id has lower case letters, digits and hyphens."
  }
}

variable "name" {
  type        = string
  description = "Prefix of the names of what the module creates in a cloud: `skyctl-RUN-…`, at most 30 characters."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,29}$", var.name))
    error_message = "A name starts with a lower case letter and has at most 30 lower case letters, digits and hyphens."
  }
}

variable "gateways" {
  type = map(object({
    machine_type = optional(string)
    zone         = optional(string)
    spot         = optional(bool, false)
  }))
  description = "The gateways to run, by name. Machine type and spot mean nothing for a process or a host of your own; their zone is passed through."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.gateways) : can(regex("^[a-z][a-z0-9-]{0,31}$", name))])
    error_message = "A gateway's name starts with a lower case letter and has at most 32 lower case letters, digits and hyphens."
  }

  validation {
    condition     = alltrue([for gateway in var.gateways : gateway.machine_type != null])
    error_message = "Every gateway needs a machine type."
  }
}

variable "enrollment_tokens" {
  type        = map(string)
  description = "One-time enrollment token of each gateway, by name. Separate from `gateways` because a sensitive map cannot drive `for_each`. A token is used at start only: another one replaces nothing."
  default     = {}
  nullable    = false
  sensitive   = true

  validation {
    condition     = length(setsubtract(keys(var.gateways), keys(var.enrollment_tokens))) == 0
    error_message = "Every gateway needs an enrollment token."
  }
}

variable "ca_certificate" {
  type        = string
  description = "Certificate of the run's certificate authority in PEM, the only one that the agents trust."
}

variable "agent" {
  type = object({
    path     = optional(string)
    binaries = optional(map(object({ url = string, sha256 = string })), {})
  })
  description = "The agent to run. `path`: the skyagent binary on this machine, for local gateways and hosts of your own. `binaries`: where the machines of a cloud fetch it, by architecture (`amd64`, `arm64`), and the SHA-256 that it has to have."

  validation {
    condition     = alltrue([for architecture in keys(var.agent.binaries) : contains(["amd64", "arm64"], architecture)])
    error_message = "Architectures of agents are amd64 and arm64."
  }

  validation {
    condition     = alltrue([for binary in var.agent.binaries : can(regex("^https://[^\\s'\"\\\\]+$", binary.url))])
    error_message = "An agent is fetched by https, from a URL without quotes or blanks."
  }

  validation {
    condition     = alltrue([for binary in var.agent.binaries : can(regex("^[0-9a-f]{64}$", binary.sha256))])
    error_message = "A SHA-256 is 64 hexadecimal digits in lower case."
  }
}

variable "peers" {
  type        = map(string)
  description = "Addresses (HOST:PORT) of the gateways of other regions that may connect, by name. Keys are known before apply, so modules may refer to each other."
  default     = {}
  nullable    = false
}

variable "control_cidrs" {
  type        = list(string)
  description = "Networks that may reach the control port."
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for cidr in var.control_cidrs : can(cidrnetmask(cidr))])
    error_message = "A network is written as an IPv4 CIDR: 203.0.113.7/32."
  }

  validation {
    condition     = alltrue([for cidr in var.control_cidrs : tonumber(split("/", cidr)[1]) >= 8 if can(cidrnetmask(cidr))])
    error_message = "The control port is never open to everybody: name networks of /8 or smaller."
  }
}

variable "lifetime_seconds" {
  type        = number
  description = "Seconds after its start at which a gateway ends itself. Fixed when it starts."

  validation {
    condition     = var.lifetime_seconds > 0 && var.lifetime_seconds <= 86400
    error_message = "A lifetime is more than 0 and at most 86400 seconds, one day."
  }
}

variable "not_after" {
  type        = string
  description = "Moment at which a gateway ends itself whatever its lifetime, in RFC 3339. Fixed when it starts."

  validation {
    condition     = can(formatdate("YYYY", var.not_after)) && endswith(var.not_after, "Z")
    error_message = "The moment is written as in RFC 3339, in UTC: 2026-11-22T12:00:00Z."
  }
}

variable "enroll_within_seconds" {
  type        = number
  description = "Seconds after its start at which an agent that nobody enrolled ends itself."
  default     = 300
  nullable    = false

  validation {
    condition     = var.enroll_within_seconds > 0
    error_message = "An agent needs some time to be enrolled."
  }
}

variable "tags" {
  type        = map(string)
  description = "Tags or labels for everything that can carry them."
  default     = {}
  nullable    = false
}

# ---------------------------------------------------------------------------
# Azure
# ---------------------------------------------------------------------------

variable "resource_group_name" {
  type        = string
  description = "Resource group of yours for everything. Default: a new one, which the machines may delete: it is what ends them when nobody else does."
  default     = null
}

variable "network" {
  type = object({
    subnet_id              = optional(string)
    cidr_block             = optional(string, "10.231.0.0/20")
    public_addresses       = optional(bool, true)
    accelerated_networking = optional(bool, true)
  })
  description = "The network of the gateways. Without `subnet_id` a small new one of `cidr_block`. `public_addresses = false` gives them private addresses only, which needs a subnet of yours. `accelerated_networking` is refused by the smallest machines."
  default     = {}
  nullable    = false

  validation {
    condition     = can(cidrnetmask(var.network.cidr_block))
    error_message = "The new network needs an IPv4 CIDR."
  }

  validation {
    condition     = var.network.public_addresses || var.network.subnet_id != null
    error_message = "Private addresses need a network that you can reach: give subnet_id."
  }
}

variable "identity" {
  type = object({
    user_assigned_identity_id   = optional(string)
    lifetime_role_enabled       = optional(bool, true)
    lifetime_role_definition_id = optional(string)
    containers = optional(list(object({
      id    = string
      write = optional(bool, false)
    })), [])
  })
  description = "What the machines may do by themselves. To end themselves they may delete themselves and their resource group, by a new role or by `lifetime_role_definition_id`; `lifetime_role_enabled = false` takes that from them. Nothing else unless asked: `user_assigned_identity_id`, an identity of yours, or `containers`, the resource ids of blob containers that a new identity may read or write."
  default     = {}
  nullable    = false

  validation {
    condition     = var.identity.user_assigned_identity_id == null || length(var.identity.containers) == 0
    error_message = "Give an identity of yours or the containers for a new one, not both."
  }

  validation {
    condition     = alltrue([for container in var.identity.containers : can(regex("/blobServices/default/containers/[a-z0-9-]+$", container.id))])
    error_message = "A container is given by its resource id: …/blobServices/default/containers/NAME."
  }

  validation {
    condition     = var.identity.lifetime_role_definition_id == null || var.identity.lifetime_role_enabled
    error_message = "A role for the lifetime is given, and lifetime_role_enabled is false."
  }
}

variable "port" {
  type        = number
  description = "Port, UDP and TCP, that the agents listen on."
  default     = 7443
  nullable    = false

  validation {
    condition     = var.port >= 1024 && var.port <= 65535
    error_message = "The agents run without privileges: use a port from 1024 to 65535."
  }
}

variable "source_image_ids" {
  type        = map(string)
  description = "Id of an image, or of one in a gallery, by architecture (`amd64`, `arm64`), in the place of the newest Ubuntu 24.04. It needs cloud-init, systemd and curl, and for `amd64` trusted launch."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for architecture in keys(var.source_image_ids) : contains(["amd64", "arm64"], architecture)])
    error_message = "Architectures of images are amd64 and arm64."
  }
}

variable "disk_size_gb" {
  type        = number
  description = "Size of the OS disk in GB. Azure encrypts it."
  default     = 30
  nullable    = false

  validation {
    condition     = var.disk_size_gb >= 30
    error_message = "The image needs 30 GB."
  }
}

variable "encryption_at_host_enabled" {
  type        = bool
  description = "Whether caches and temporary disks are encrypted on the host as well. The subscription has to have the feature EncryptionAtHost."
  default     = false
  nullable    = false
}

variable "admin_public_key" {
  type        = string
  description = "SSH key that Azure demands of every Linux machine. The default is a key whose private half was never kept, and port 22 is closed."
  default     = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQCNtNReFtDUJYWURUU+2NV489xImn/KygWIYQAvKy4x0he0+gMF2q9NZUWTQdSyPgf6pkpk+Zo0IO5iz+9enUwWhdjMJRWixlamtfkAemra7jVniqBEPWTLONy6D4IhVueaI+TlhFxZxZ85kXnpAWmLlemOSSR4mtG7zmjqPqzHdiRNLhiKN85gZ/cHeZJDLPc5BZo5Z3vlmDdmtzZqG8i2j/uZNxH9FHyJjs9WEwRp+sYbCbm4LGytJahw+bIjTb3/DX82IY7XjT8DLkaQ6TRrGIHHSMa/P8hK5XJfTLTpRKocvs1XR4RYmPR4jiQwSszalgVQ/77JkqItj+Xkvl+Q7QLpOjwBu0nrhmd6oYsrKmy2A8F+7dPzJAv7RBK8k993tyx71nzu/YoT1eYtAvm7zqkGpqPLJeJ6WVaqYa7oefeXymnTlbAZDPIWjsLnJslp3OaHJanKoxuCi5xAcLOAJ1iGvrhhO+sf5oKIwfunh+QyQuyVyf2QUW1KJbl1d7c= skyctl-nobody"
  nullable    = false
}
