# Plans only, with a provider that makes values up: no account is needed.

mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["us-east-1a", "us-east-1b", "us-east-1c"] }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_ami" {
    defaults = { image_id = "ami-0123456789abcdef0" }
  }
}

override_data {
  target = data.aws_ec2_instance_type.this["c6in.8xlarge"]
  values = { supported_architectures = ["x86_64"] }
}

override_data {
  target = data.aws_ec2_instance_type.this["c7gn.8xlarge"]
  values = { supported_architectures = ["arm64"] }
}

variables {
  run    = "test"
  region = "aws:us-east-1"
  name   = "skyctl-test-aws-us-east-1"

  gateways = {
    aws-us-east-1-0 = { machine_type = "c6in.8xlarge" }
    aws-us-east-1-1 = { machine_type = "c7gn.8xlarge", zone = "us-east-1b", spot = true }
  }
  enrollment_tokens = { aws-us-east-1-0 = "a", aws-us-east-1-1 = "b" }
  peers             = { far-0 = "198.51.100.7:7443" }
  control_cidrs     = ["203.0.113.7/32"]

  agent = {
    binaries = {
      amd64 = { url = "https://example.org/skyagent-amd64?a=b&c=%2F", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }
      arm64 = { url = "https://example.org/skyagent-arm64", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }
    }
  }
  ca_certificate   = "certificate"
  lifetime_seconds = 3600
  not_after        = "2030-01-01T00:00:00Z"
  tags             = { team = "data", skyctl-run = "test" }
}

run "plans_a_network_of_its_own" {
  command = plan

  assert {
    condition     = length(aws_instance.gateway) == 2 && length(aws_subnet.this) == 2
    error_message = "There is not a machine a gateway, and a subnet a zone."
  }

  assert {
    condition     = aws_instance.gateway["aws-us-east-1-0"].region == "us-east-1"
    error_message = "The machines are elsewhere."
  }

  assert {
    condition     = alltrue([for machine in aws_instance.gateway : machine.associate_public_ip_address])
    error_message = "A machine has no public address."
  }

  assert {
    condition     = length(aws_instance.gateway["aws-us-east-1-0"].instance_market_options) == 0 && aws_instance.gateway["aws-us-east-1-1"].instance_market_options[0].market_type == "spot"
    error_message = "Spot is not as asked for."
  }

  assert {
    condition     = aws_subnet.this["us-east-1a"].cidr_block == "10.231.0.0/24" && aws_subnet.this["us-east-1b"].cidr_block == "10.231.1.0/24"
    error_message = "The subnets overlap or moved."
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.this : rule.ip_protocol]) == toset(["tcp", "udp"])
    error_message = "There is not a rule for TCP and UDP each."
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.this : rule.from_port == 7443 && rule.to_port == 7443 && rule.cidr_ipv4 == null])
    error_message = "Another port is open, or to others."
  }

  assert {
    condition     = toset([for entry in aws_ec2_managed_prefix_list.ingress[0].entry : entry.cidr]) == toset(["198.51.100.7/32", "203.0.113.7/32"])
    error_message = "A peer is not let in, or more than a peer."
  }

  assert {
    condition     = alltrue([for machine in aws_instance.gateway : length(machine.user_data) < 16384])
    error_message = "The boot data do not fit."
  }

  assert {
    condition     = length(aws_iam_role.store) == 0 && length(aws_iam_role.scheduler) == 0 && length(aws_scheduler_schedule.termination) == 0
    error_message = "There are identities that nobody asked for."
  }
}

run "lets_in_two_peers_of_one_host" {
  command = plan

  variables {
    peers         = { rack-0 = "203.0.113.7:7443", rack-1 = "203.0.113.7:7444" }
    control_cidrs = ["203.0.113.7/32", "203.0.113.7/32"]
  }

  assert {
    condition     = [for entry in aws_ec2_managed_prefix_list.ingress[0].entry : entry.cidr] == ["203.0.113.7/32"]
    error_message = "EC2 takes no network twice."
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_egress_rule.peer : "${rule.ip_protocol} ${rule.cidr_ipv4} ${rule.from_port}"]) == toset(["tcp 203.0.113.7/32 7443", "udp 203.0.113.7/32 7443", "tcp 203.0.113.7/32 7444", "udp 203.0.113.7/32 7444"])
    error_message = "A peer cannot be reached."
  }
}

run "lets_in_nobody" {
  command = plan

  variables {
    peers         = {}
    control_cidrs = []
  }

  assert {
    condition     = length(aws_ec2_managed_prefix_list.ingress) + length(aws_vpc_security_group_ingress_rule.this) == 0
    error_message = "Somebody is let in."
  }
}

run "takes_a_network_of_yours" {
  command = plan

  override_data {
    target = data.aws_subnet.given["subnet-1"]
    values = { vpc_id = "vpc-1", availability_zone = "us-east-1a" }
  }

  variables {
    network = {
      vpc_id           = "vpc-1"
      subnet_ids       = ["subnet-1"]
      route_table_ids  = ["rtb-1"]
      public_addresses = false
    }
    gateways          = { aws-us-east-1-0 = { machine_type = "c6in.8xlarge" } }
    enrollment_tokens = { aws-us-east-1-0 = "a" }
  }

  assert {
    condition     = length(aws_vpc.this) + length(aws_subnet.this) + length(aws_internet_gateway.this) + length(aws_route_table.this) == 0
    error_message = "There is a second network."
  }

  assert {
    condition     = aws_instance.gateway["aws-us-east-1-0"].subnet_id == "subnet-1" && !aws_instance.gateway["aws-us-east-1-0"].associate_public_ip_address
    error_message = "The machine is not in the private subnet."
  }

  assert {
    condition     = length(aws_vpc_endpoint.s3) == 1
    error_message = "There is no endpoint for S3."
  }
}

run "scopes_a_new_role" {
  command = plan

  variables {
    identity = { buckets = [{ name = "data", prefix = "in/" }, { name = "sink", write = true }] }
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.store[0].policy).Statement[1].Resource == "arn:aws:s3:::data/in/*"
    error_message = "The role reaches beyond the prefix."
  }

  assert {
    condition     = !strcontains(jsonencode(jsondecode(aws_iam_role_policy.store[0].policy).Statement[1].Action), "Put")
    error_message = "A bucket that is read can be written."
  }

  assert {
    condition     = contains(jsondecode(aws_iam_role_policy.store[0].policy).Statement[4].Action, "s3:PutObject")
    error_message = "A bucket that is written cannot be."
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.store[0].policy).Statement : contains(keys(statement), "Condition") if statement.Resource == "arn:aws:s3:::sink"] == [false, false]
    error_message = "Lists that name no prefix are refused: S3 knows none of uploads, and none of a whole bucket."
  }
}

run "schedules_the_end" {
  command = plan

  variables {
    termination_schedule_enabled = true
  }

  assert {
    condition     = length(aws_scheduler_schedule.termination) == 2
    error_message = "There is not an end for each machine."
  }

  assert {
    condition     = aws_scheduler_schedule.termination["aws-us-east-1-0"].schedule_expression == "at(2030-01-01T00:00:00)"
    error_message = "The end is at another time."
  }
}

run "takes_no_gateways" {
  command = plan

  variables {
    gateways          = {}
    enrollment_tokens = {}
  }

  assert {
    condition     = length(output.gateways) == 0
    error_message = "There are gateways that nobody asked for."
  }
}

run "refuses_another_cloud" {
  command = plan

  variables {
    region = "local:east"
  }
  expect_failures = [var.region]
}

run "refuses_a_bad_run" {
  command = plan

  variables {
    run = "../x"
  }
  expect_failures = [var.run]
}

run "refuses_a_long_name" {
  command = plan

  variables {
    name = "skyctl-0123456789-0123456789-01"
  }
  expect_failures = [var.name]
}

run "refuses_a_gateway_that_is_a_path" {
  command = plan

  variables {
    gateways          = { "../x" = { machine_type = "c6in.8xlarge" } }
    enrollment_tokens = { "../x" = "a" }
  }
  expect_failures = [var.gateways]
}

run "refuses_a_gateway_without_machine_type" {
  command = plan

  variables {
    gateways          = { x = {} }
    enrollment_tokens = { x = "a" }
  }
  expect_failures = [var.gateways]
}

run "refuses_a_gateway_without_token" {
  command = plan

  variables {
    enrollment_tokens = { aws-us-east-1-0 = "a" }
  }
  expect_failures = [var.enrollment_tokens]
}

run "refuses_an_unknown_architecture" {
  command = plan

  variables {
    agent = { binaries = { amd64 = { url = "https://a/b", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }, mips = { url = "https://a/b", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" } } }
  }
  expect_failures = [var.agent]
}

run "refuses_an_agent_in_the_clear" {
  command = plan

  variables {
    agent = { binaries = { amd64 = { url = "http://a/b", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" } } }
  }
  expect_failures = [var.agent]
}

run "refuses_a_url_that_breaks_out" {
  command = plan

  variables {
    agent = { binaries = { amd64 = { url = "https://a/'; reboot #", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" } } }
  }
  expect_failures = [var.agent]
}

run "refuses_an_agent_without_digest" {
  command = plan

  variables {
    agent = { binaries = { amd64 = { url = "https://a/b", sha256 = "" } } }
  }
  expect_failures = [var.agent]
}

run "refuses_a_control_network_that_is_none" {
  command = plan

  variables {
    control_cidrs = ["203.0.113.7"]
  }
  expect_failures = [var.control_cidrs]
}

run "refuses_the_world_at_the_control_port" {
  command = plan

  variables {
    control_cidrs = ["0.0.0.0/0"]
  }
  expect_failures = [var.control_cidrs]
}

run "refuses_half_the_world_at_the_control_port" {
  command = plan

  variables {
    control_cidrs = ["0.0.0.0/1", "128.0.0.0/1"]
  }
  expect_failures = [var.control_cidrs]
}

run "refuses_no_lifetime" {
  command = plan

  variables {
    lifetime_seconds = 0
  }
  expect_failures = [var.lifetime_seconds]
}

run "refuses_a_lifetime_of_more_than_a_day" {
  command = plan

  variables {
    lifetime_seconds = 86401
  }
  expect_failures = [var.lifetime_seconds]
}

run "refuses_a_bad_deadline" {
  command = plan

  variables {
    not_after = "tomorrow"
  }
  expect_failures = [var.not_after]
}

run "refuses_a_deadline_of_another_time_zone" {
  command = plan

  variables {
    not_after = "2030-01-01T00:00:00+01:00"
  }
  expect_failures = [var.not_after]
}

run "refuses_no_time_to_enroll" {
  command = plan

  variables {
    enroll_within_seconds = 0
  }
  expect_failures = [var.enroll_within_seconds]
}

run "refuses_a_privileged_port" {
  command = plan

  variables {
    port = 443
  }
  expect_failures = [var.port]
}

run "refuses_half_a_network" {
  command = plan

  variables {
    network = { vpc_id = "vpc-1" }
  }
  expect_failures = [var.network]
}

run "refuses_a_network_that_cannot_be_divided" {
  command = plan

  variables {
    network = { cidr_block = "10.0.0.0/25" }
  }
  expect_failures = [var.network]
}

run "refuses_a_network_that_is_too_large" {
  command = plan

  variables {
    network = { cidr_block = "10.0.0.0/15" }
  }
  expect_failures = [var.network]
}

run "refuses_a_zone_without_a_subnet" {
  command = plan

  override_data {
    target = data.aws_subnet.given["subnet-1"]
    values = { vpc_id = "vpc-1", availability_zone = "us-east-1a" }
  }

  variables {
    network           = { vpc_id = "vpc-1", subnet_ids = ["subnet-1"] }
    gateways          = { aws-us-east-1-0 = { machine_type = "c6in.8xlarge", zone = "us-east-1b" } }
    enrollment_tokens = { aws-us-east-1-0 = "a" }
  }
  expect_failures = [aws_instance.gateway["aws-us-east-1-0"]]
}

run "refuses_private_addresses_in_a_new_network" {
  command = plan

  variables {
    network = { public_addresses = false }
  }
  expect_failures = [var.network]
}

run "refuses_an_endpoint_for_public_subnets" {
  command = plan

  variables {
    network = { route_table_ids = ["rtb-1"] }
  }
  expect_failures = [var.network]
}

run "refuses_two_identities" {
  command = plan

  variables {
    identity = { instance_profile_name = "mine", buckets = [{ name = "data" }] }
  }
  expect_failures = [var.identity]
}

run "refuses_every_bucket" {
  command = plan

  variables {
    identity = { buckets = [{ name = "*" }] }
  }
  expect_failures = [var.identity]
}

run "refuses_a_prefix_with_a_wildcard" {
  command = plan

  variables {
    identity = { buckets = [{ name = "data", prefix = "*" }] }
  }
  expect_failures = [var.identity]
}

run "refuses_an_image_of_an_unknown_architecture" {
  command = plan

  variables {
    image_ids = { mips = "ami-1" }
  }
  expect_failures = [var.image_ids]
}

run "refuses_a_small_disk" {
  command = plan

  variables {
    disk_size_gb = 4
  }
  expect_failures = [var.disk_size_gb]
}

run "refuses_an_arm_machine_without_an_agent_for_it" {
  command = plan

  variables {
    agent = { binaries = { amd64 = { url = "https://a/b", sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" } } }
  }
  expect_failures = [aws_instance.gateway["aws-us-east-1-1"]]
}

run "refuses_boot_data_that_do_not_fit" {
  command = plan

  variables {
    ca_certificate = join("", [for i in range(1024) : "0123456789abcdef"])
  }
  expect_failures = [aws_instance.gateway["aws-us-east-1-0"], aws_instance.gateway["aws-us-east-1-1"]]
}

run "refuses_a_subnet_of_another_network" {
  command = plan

  override_data {
    target = data.aws_subnet.given["subnet-1"]
    values = { vpc_id = "vpc-2" }
  }

  variables {
    network = { vpc_id = "vpc-1", subnet_ids = ["subnet-1"] }
  }
  expect_failures = [data.aws_subnet.given["subnet-1"]]
}
