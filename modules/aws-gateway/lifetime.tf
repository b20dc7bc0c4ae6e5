# The guest powers itself off, which terminates it. This ends it without the
# guest's help: one call of ec2:TerminateInstances at not_after.

locals {
  scheduled = var.termination_schedule_enabled ? var.gateways : {}
}

resource "aws_iam_role" "scheduler" {
  count = var.termination_schedule_enabled ? 1 : 0

  name_prefix          = "${var.name}-"
  description          = "End of skyctl run ${var.run}"
  permissions_boundary = var.identity.permissions_boundary_arn
  tags                 = local.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "scheduler" {
  count = var.termination_schedule_enabled && length(var.gateways) > 0 ? 1 : 0

  name = "terminate"
  role = aws_iam_role.scheduler[0].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["ec2:TerminateInstances"]
      Resource = [for instance in aws_instance.gateway : instance.arn]
    }]
  })
}

resource "aws_scheduler_schedule" "termination" {
  for_each = local.scheduled

  region                       = local.region
  name                         = "${var.name}-${each.key}"
  description                  = "Terminates a gateway of skyctl run ${var.run}"
  schedule_expression          = "at(${formatdate("YYYY-MM-DD'T'hh:mm:ss", var.not_after)})"
  schedule_expression_timezone = "UTC"
  action_after_completion      = "DELETE"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "arn:${data.aws_partition.this.partition}:scheduler:::aws-sdk:ec2:terminateInstances"
    role_arn = aws_iam_role.scheduler[0].arn
    input    = jsonencode({ InstanceIds = [aws_instance.gateway[each.key].id] })
  }
}
