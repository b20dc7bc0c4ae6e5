# Plans only: nothing is started. What start.sh and stop.sh do is tested by
# local_gateway_linux_test.go, the whole by the tests of terraform/engine.
# The check of the agents is unknown before they were started, which counts as a
# failure here; where a refused variable stops the plan earlier it is not reached.

variables {
  run    = "test"
  region = "local:east"
  name   = "skyctl-test-local-east"

  gateways = {
    local-east-0 = {}
    local-east-1 = { zone = "rack-3" }
  }
  hosts = {
    local-east-0 = { address = "127.0.0.1", port = 41000 }
    local-east-1 = { address = "::1", netns = "lab-east", port = 41000 }
  }

  agent             = { path = "/usr/local/bin/skyagent" }
  ca_certificate    = "certificate"
  enrollment_tokens = { local-east-0 = "a", local-east-1 = "b" }
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
    condition     = terraform_data.gateway["local-east-0"].input.address == "127.0.0.1:41000"
    error_message = "The IPv4 address is wrong."
  }
  assert {
    condition     = terraform_data.gateway["local-east-1"].input.address == "[::1]:41000"
    error_message = "The IPv6 address is wrong."
  }
  assert {
    condition     = terraform_data.gateway["local-east-1"].input.netns == "lab-east"
    error_message = "The network namespace is lost."
  }
  assert {
    condition     = endswith(terraform_data.gateway["local-east-0"].input.directory, "/gateways/local-east-0")
    error_message = "The directory is not in the root module's gateways."
  }
  expect_failures = [check.agents]
}

run "takes_another_state_dir" {
  command = plan

  variables {
    state_dir = "/var/lib/skyctl"
  }

  assert {
    condition     = terraform_data.gateway["local-east-0"].input.directory == "/var/lib/skyctl/local-east-0"
    error_message = "state_dir is ignored."
  }
  expect_failures = [check.agents]
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
  expect_failures = [var.region, check.agents]
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
  expect_failures = [var.name, check.agents]
}

run "refuses_a_gateway_that_is_a_path" {
  command = plan

  variables {
    gateways          = { "../x" = {} }
    hosts             = { "../x" = { address = "127.0.0.1", port = 1 } }
    enrollment_tokens = { "../x" = "a" }
  }
  expect_failures = [var.gateways]
}

run "refuses_a_gateway_without_host" {
  command = plan

  variables {
    hosts = { local-east-0 = { address = "127.0.0.1", port = 41000 } }
  }
  expect_failures = [var.hosts]
}

run "refuses_a_gateway_without_token" {
  command = plan

  variables {
    enrollment_tokens = { local-east-0 = "a" }
  }
  expect_failures = [var.enrollment_tokens]
}

run "refuses_a_name_for_an_address" {
  command = plan

  variables {
    hosts = {
      local-east-0 = { address = "localhost", port = 41000 }
      local-east-1 = { address = "127.0.0.1", port = 41000 }
    }
  }
  expect_failures = [var.hosts]
}

run "refuses_a_bad_port" {
  command = plan

  variables {
    hosts = {
      local-east-0 = { address = "127.0.0.1", port = 0 }
      local-east-1 = { address = "127.0.0.1", port = 41000 }
    }
  }
  expect_failures = [var.hosts]
}

run "refuses_a_namespace_that_is_a_path" {
  command = plan

  variables {
    hosts = {
      local-east-0 = { address = "127.0.0.1", netns = "../x", port = 41000 }
      local-east-1 = { address = "127.0.0.1", port = 41000 }
    }
  }
  expect_failures = [var.hosts]
}

run "refuses_one_address_for_two" {
  command = plan

  variables {
    hosts = {
      local-east-0 = { address = "127.0.0.1", port = 41000 }
      local-east-1 = { address = "127.0.0.1", port = 41000 }
    }
  }
  expect_failures = [var.hosts]
}

run "refuses_a_lifetime_of_days" {
  command = plan

  variables {
    lifetime_seconds = 86401
  }
  expect_failures = [var.lifetime_seconds]
}

run "refuses_a_deadline_in_words" {
  command = plan

  variables {
    not_after = "tomorrow"
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

run "refuses_no_agent" {
  command = plan

  variables {
    agent = {}
  }
  expect_failures = [var.agent]
}
