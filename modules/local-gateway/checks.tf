locals {
  # A gateway is alive while the process that was started for it still runs the
  # same command line. That text never changes while the process lives and is
  # empty once it is dead, even as a zombie; /proc/PID/stat, with its counters,
  # differs at every read, which Terraform 1.13 and later refuse in functions.
  # The path hangs on the output, which is unknown until the agent was started.
  dead_gateways = [
    for name, gateway in terraform_data.gateway : name if !try(
      file("/proc/${split(" ", file("${gateway.output.directory}/pid"))[0]}/cmdline") == file("${gateway.output.directory}/cmdline"),
      false
    )
  ]
}

# Plans show an agent that died as a failed check, and change nothing by
# themselves: replace the gateway with -replace.
check "agents" {
  assert {
    condition     = length(local.dead_gateways) == 0
    error_message = "The agents of these gateways are not running: ${join(", ", local.dead_gateways)}."
  }
}
