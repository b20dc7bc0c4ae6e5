# ---------------------------------------------------------------------------
# The core that every gateway module shares
# ---------------------------------------------------------------------------

variable "region" {
  type        = string
  description = "Region that the gateways are in, as `CLOUD:NAME`."

  validation {
    condition     = can(regex("^aws:[a-z0-9-]+$", var.region))
    error_message = "The region of this module is one of AWS: aws:us-east-1."
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
# AWS
# ---------------------------------------------------------------------------

variable "network" {
  type = object({
    vpc_id           = optional(string)
    subnet_ids       = optional(list(string), [])
    route_table_ids  = optional(list(string), [])
    cidr_block       = optional(string, "10.231.0.0/20")
    public_addresses = optional(bool, true)
  })
  description = "The network of the gateways. Without `vpc_id` a small new VPC of `cidr_block`. With it, the gateways go to `subnet_ids`. `public_addresses = false` gives them private addresses only, which needs a VPC of yours; `route_table_ids` then get a gateway endpoint for S3."
  default     = {}
  nullable    = false

  validation {
    condition     = (var.network.vpc_id == null) == (length(var.network.subnet_ids) == 0)
    error_message = "A VPC of yours and its subnets are given together, or neither."
  }

  validation {
    condition     = can(cidrnetmask(var.network.cidr_block)) && try(tonumber(split("/", var.network.cidr_block)[1]) >= 16 && tonumber(split("/", var.network.cidr_block)[1]) <= 24, false)
    error_message = "The new VPC needs an IPv4 CIDR of /16 to /24: EC2 takes none that is larger, and no subnet smaller than /28, a sixteenth of it."
  }

  validation {
    condition     = var.network.public_addresses || var.network.vpc_id != null
    error_message = "Private addresses need a VPC that you can reach: give vpc_id and subnet_ids."
  }

  validation {
    condition     = length(var.network.route_table_ids) == 0 || !var.network.public_addresses
    error_message = "An endpoint for S3 is for private subnets only: it would outrank a public route."
  }
}

variable "identity" {
  type = object({
    instance_profile_name    = optional(string)
    permissions_boundary_arn = optional(string)
    buckets = optional(list(object({
      name   = string
      prefix = optional(string, "")
      write  = optional(bool, false)
    })), [])
  })
  description = "What the machines may do by themselves. Empty: nothing, credentials come over the control channel. `instance_profile_name`: a profile of yours. `buckets`: a new role, for these buckets and prefixes only."
  default     = {}
  nullable    = false

  validation {
    condition     = var.identity.instance_profile_name == null || length(var.identity.buckets) == 0
    error_message = "Give an instance profile of yours or the buckets for a new one, not both."
  }

  validation {
    condition     = alltrue([for bucket in var.identity.buckets : can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", bucket.name))])
    error_message = "A bucket is given by its name, without wildcards."
  }

  validation {
    condition     = alltrue([for bucket in var.identity.buckets : !can(regex("[*?$]", bucket.prefix))])
    error_message = "A prefix is literal: * and ? and $ mean something else in a policy."
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

variable "image_ids" {
  type        = map(string)
  description = "AMI by architecture (`amd64`, `arm64`) in the place of the newest Ubuntu 24.04. It needs cloud-init, systemd and curl."
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for architecture in keys(var.image_ids) : contains(["amd64", "arm64"], architecture)])
    error_message = "Architectures of images are amd64 and arm64."
  }
}

variable "disk_size_gb" {
  type        = number
  description = "Size of the encrypted root volume in GB."
  default     = 16
  nullable    = false

  validation {
    condition     = var.disk_size_gb >= 8
    error_message = "The image needs 8 GB."
  }
}

variable "termination_schedule_enabled" {
  type        = bool
  description = "Whether EventBridge Scheduler terminates the machines at `not_after`, without the guest's help. Creates a role that may terminate them."
  default     = false
  nullable    = false
}
