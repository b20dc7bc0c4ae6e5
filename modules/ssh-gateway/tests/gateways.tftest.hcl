# Plans only: nothing is started. What the scripts do is tested by make test-ssh.

variables {
  run    = "test"
  region = "ssh:rack1"
  name   = "skyctl-test-ssh-rack1"

  gateways = {
    ssh-rack1-0 = {}
    ssh-rack1-1 = { zone = "rack-3" }
  }
  hosts = {
    ssh-rack1-0 = { address = "192.0.2.7", port = 7443, user = "ops", identity_file = "/home/ops/.ssh/id_ed25519" }
    ssh-rack1-1 = { address = "2001:db8::7", private_address = "10.0.0.7", port = 7443 }
  }

  agent             = { path = "/usr/local/bin/skyagent" }
  ca_certificate    = "certificate"
  enrollment_tokens = { ssh-rack1-0 = "a", ssh-rack1-1 = "b" }
  lifetime_seconds  = 3600
  not_after         = "2030-01-01T00:00:00Z"
}

run "plans_one_process_a_gateway" {
  command = plan

  assert {
    condition     = length(terraform_data.gateway) == 2
    error_message = "There is not one process a gateway."
  }

  assert {
    condition     = terraform_data.gateway["ssh-rack1-0"].input.listen == "192.0.2.7:7443" && terraform_data.gateway["ssh-rack1-1"].input.listen == "[2001:db8::7]:7443"
    error_message = "The addresses are wrong."
  }

  assert {
    condition     = terraform_data.gateway["ssh-rack1-1"].input.private_listen == "10.0.0.7:7443"
    error_message = "The private address is lost."
  }

  assert {
    condition     = terraform_data.gateway["ssh-rack1-0"].input.user == "ops" && terraform_data.gateway["ssh-rack1-1"].input.user == "root" && terraform_data.gateway["ssh-rack1-1"].input.ssh_port == 22
    error_message = "The login is another."
  }

  assert {
    condition     = terraform_data.gateway["ssh-rack1-0"].input.directory == ".skyctl/test/ssh-rack1-0"
    error_message = "Two runs share a directory."
  }
}

run "takes_no_gateways" {
  command = plan

  variables {
    gateways          = {}
    hosts             = {}
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
    region = "aws:us-east-1"
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
    gateways          = { "../x" = {} }
    hosts             = { "../x" = { address = "192.0.2.7", port = 1 } }
    enrollment_tokens = { "../x" = "a" }
  }
  expect_failures = [var.gateways]
}

run "refuses_a_gateway_without_token" {
  command = plan

  variables {
    enrollment_tokens = { ssh-rack1-0 = "a" }
  }
  expect_failures = [var.enrollment_tokens]
}

run "refuses_no_agent" {
  command = plan

  variables {
    agent = {}
  }
  expect_failures = [var.agent]
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

run "refuses_a_gateway_without_host" {
  command = plan

  variables {
    hosts = { ssh-rack1-0 = { address = "192.0.2.7", port = 7443 } }
  }
  expect_failures = [var.hosts]
}

run "refuses_an_address_that_is_none" {
  command = plan

  variables {
    gateways          = { ssh-rack1-0 = {} }
    enrollment_tokens = { ssh-rack1-0 = "a" }
    hosts             = { ssh-rack1-0 = { address = "-oProxyCommand=x", port = 7443 } }
  }
  expect_failures = [var.hosts]
}

run "refuses_a_port_that_is_none" {
  command = plan

  variables {
    gateways          = { ssh-rack1-0 = {} }
    enrollment_tokens = { ssh-rack1-0 = "a" }
    hosts             = { ssh-rack1-0 = { address = "192.0.2.7", port = 65536 } }
  }
  expect_failures = [var.hosts]
}

run "refuses_a_user_that_is_none" {
  command = plan

  variables {
    gateways          = { ssh-rack1-0 = {} }
    enrollment_tokens = { ssh-rack1-0 = "a" }
    hosts             = { ssh-rack1-0 = { address = "192.0.2.7", port = 7443, user = "a b" } }
  }
  expect_failures = [var.hosts]
}

run "refuses_two_gateways_on_one_port" {
  command = plan

  variables {
    hosts = { ssh-rack1-0 = { address = "192.0.2.7", port = 7443 }, ssh-rack1-1 = { address = "192.0.2.7", port = 7443, user = "ops" } }
  }
  expect_failures = [var.hosts]
}

run "refuses_a_directory_with_blanks" {
  command = plan

  variables {
    state_dir = "a b"
  }
  expect_failures = [var.state_dir]
}
