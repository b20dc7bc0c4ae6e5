# Plans only, with a provider that makes values up: no project is needed.

mock_provider "google" {
  mock_data "google_compute_zones" {
    defaults = { names = ["us-central1-a", "us-central1-b"] }
  }
  mock_data "google_compute_image" {
    defaults = { self_link = "projects/ubuntu-os-cloud/global/images/ubuntu" }
  }
  mock_resource "google_compute_instance" {
    defaults = { id = "projects/p/zones/z/instances/i" }
  }
}

variables {
  run    = "test"
  region = "gcp:us-central1"
  name   = "skyctl-test-gcp-us-central1"

  gateways = {
    gcp-us-central1-0 = { machine_type = "n2-standard-32" }
    gcp-us-central1-1 = { machine_type = "c4a-standard-8", zone = "us-central1-f", spot = true }
  }
  enrollment_tokens = { gcp-us-central1-0 = "a", gcp-us-central1-1 = "b" }
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
    condition     = length(google_compute_instance.gateway) == 2 && length(google_compute_network.this) == 1
    error_message = "There is not a machine a gateway in one network."
  }

  assert {
    condition     = google_compute_instance.gateway["gcp-us-central1-0"].zone == "us-central1-a" && google_compute_instance.gateway["gcp-us-central1-1"].zone == "us-central1-f"
    error_message = "The machines are in other zones."
  }

  assert {
    condition     = google_compute_instance.gateway["gcp-us-central1-0"].boot_disk[0].initialize_params[0].type == "pd-balanced" && google_compute_instance.gateway["gcp-us-central1-1"].boot_disk[0].initialize_params[0].type == "hyperdisk-balanced"
    error_message = "A machine has a disk that it does not take."
  }

  assert {
    condition     = google_compute_instance.gateway["gcp-us-central1-1"].scheduling[0].provisioning_model == "SPOT" && google_compute_instance.gateway["gcp-us-central1-0"].scheduling[0].provisioning_model == "STANDARD"
    error_message = "Spot is not as asked for."
  }

  assert {
    condition     = google_compute_instance.gateway["gcp-us-central1-0"].network_interface[0].access_config[0].network_tier == "PREMIUM"
    error_message = "The network tier is another."
  }

  assert {
    condition     = length(google_compute_instance.gateway["gcp-us-central1-0"].service_account) == 0
    error_message = "There is an identity that nobody asked for."
  }

  assert {
    condition     = tolist(google_compute_firewall.ingress["peers"].source_ranges) == tolist(["198.51.100.7/32"])
    error_message = "A peer is not let in, or more than a peer."
  }
}

run "takes_a_network_of_yours" {
  command = plan

  variables {
    network = { network = "n", subnetwork = "s", zones = ["us-central1-c"], public_addresses = false }
  }

  assert {
    condition     = length(google_compute_network.this) + length(google_compute_subnetwork.this) == 0
    error_message = "There is a second network."
  }

  assert {
    condition     = google_compute_instance.gateway["gcp-us-central1-0"].network_interface[0].subnetwork == "s" && length(google_compute_instance.gateway["gcp-us-central1-0"].network_interface[0].access_config) == 0 && google_compute_instance.gateway["gcp-us-central1-0"].zone == "us-central1-c"
    error_message = "The machine is not in the private subnetwork."
  }
}

run "asks_for_bandwidth_where_there_is_some" {
  command = plan

  variables {
    network = { egress_bandwidth_tier = "TIER_1" }
  }

  assert {
    condition     = length(google_compute_instance.gateway["gcp-us-central1-0"].network_performance_config) == 1 && length(google_compute_instance.gateway["gcp-us-central1-1"].network_performance_config) == 0
    error_message = "Tier 1 is for machines of 30 vCPU and more."
  }
}

run "scopes_a_new_account" {
  command = plan

  variables {
    identity = { buckets = [{ name = "data", prefix = "in/" }, { name = "sink", write = true }, { name = "sink", prefix = "out/", write = true }] }
  }

  assert {
    condition     = google_storage_bucket_iam_member.store["data/in/"].role == "roles/storage.objectViewer" && google_storage_bucket_iam_member.store["sink/"].role == "roles/storage.objectUser"
    error_message = "The roles are others."
  }

  assert {
    condition     = strcontains(google_storage_bucket_iam_member.store["data/in/"].condition[0].expression, "buckets/data/objects/in/")
    error_message = "The account reaches beyond the prefix."
  }

  assert {
    condition     = strcontains(google_storage_bucket_iam_member.store["sink/out/"].condition[0].expression, "buckets/sink/objects/.skyctl/test/") && !strcontains(google_storage_bucket_iam_member.store["data/in/"].condition[0].expression, ".skyctl")
    error_message = "Parts of large objects cannot be written, or read by who only reads."
  }
}

run "writes_labels_that_google_takes" {
  command = plan

  variables {
    tags = { skyctl-owner = "Ops@example.org", skyctl-expires = "2030-01-01T00:00:00Z" }
  }

  assert {
    condition     = google_compute_instance.gateway["gcp-us-central1-0"].labels["skyctl-owner"] == "ops-example-org" && google_compute_instance.gateway["gcp-us-central1-0"].labels["skyctl-expires"] == "2030-01-01t00-00-00z"
    error_message = "The labels are others."
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
    gateways          = { "../x" = { machine_type = "n2-standard-32" } }
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
    enrollment_tokens = { gcp-us-central1-0 = "a" }
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
    network = { network = "n" }
  }
  expect_failures = [var.network]
}

run "refuses_a_network_that_is_none" {
  command = plan

  variables {
    network = { cidr_block = "ten" }
  }
  expect_failures = [var.network]
}

run "refuses_private_addresses_in_a_new_network" {
  command = plan

  variables {
    network = { public_addresses = false }
  }
  expect_failures = [var.network]
}

run "refuses_an_unknown_network_tier" {
  command = plan

  variables {
    network = { network_tier = "FAST" }
  }
  expect_failures = [var.network]
}

run "refuses_an_unknown_bandwidth_tier" {
  command = plan

  variables {
    network = { egress_bandwidth_tier = "FAST" }
  }
  expect_failures = [var.network]
}

run "refuses_two_identities" {
  command = plan

  variables {
    identity = { service_account_email = "a@b", buckets = [{ name = "data" }] }
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

run "refuses_a_prefix_that_breaks_out" {
  command = plan

  variables {
    identity = { buckets = [{ name = "data", prefix = "\") || true || (\"" }] }
  }
  expect_failures = [var.identity]
}

run "refuses_an_image_of_an_unknown_architecture" {
  command = plan

  variables {
    images = { mips = "i" }
  }
  expect_failures = [var.images]
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
  expect_failures = [google_compute_instance.gateway["gcp-us-central1-1"]]
}
