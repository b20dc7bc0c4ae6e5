locals {
  new_role              = length(var.identity.buckets) > 0
  instance_profile_name = local.new_role ? aws_iam_instance_profile.store[0].name : var.identity.instance_profile_name

  # Listing is asked of a bucket, under a condition; the rest of its objects. What
  # is being uploaded cannot be listed by prefix, and a list of everything names
  # none.
  store_statements = flatten([
    for bucket in var.identity.buckets : [
      merge(
        {
          Effect   = "Allow"
          Action   = ["s3:ListBucket"]
          Resource = "arn:${data.aws_partition.this.partition}:s3:::${bucket.name}"
        },
        { for name, value in { Condition = { StringLike = { "s3:prefix" = "${bucket.prefix}*" } } } : name => value if bucket.prefix != "" }
      ),
      [for action in ["s3:ListBucketMultipartUploads"] : {
        Effect   = "Allow"
        Action   = [action]
        Resource = "arn:${data.aws_partition.this.partition}:s3:::${bucket.name}"
      } if bucket.write],
      {
        Effect    = "Allow"
        Action    = concat(["s3:GetObject", "s3:GetObjectTagging", "s3:GetObjectVersion"], bucket.write ? ["s3:PutObject", "s3:PutObjectTagging", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"] : [])
        Resource  = "arn:${data.aws_partition.this.partition}:s3:::${bucket.name}/${bucket.prefix}*"
        Condition = { Bool = { "aws:SecureTransport" = "true" } }
      },
    ]
  ])
}

data "aws_partition" "this" {}

resource "aws_iam_role" "store" {
  count = local.new_role ? 1 : 0

  name_prefix          = "${var.name}-"
  description          = "Stores of skyctl run ${var.run}"
  permissions_boundary = var.identity.permissions_boundary_arn
  tags                 = local.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "store" {
  count = local.new_role ? 1 : 0

  name   = "stores"
  role   = aws_iam_role.store[0].name
  policy = jsonencode({ Version = "2012-10-17", Statement = local.store_statements })
}

resource "aws_iam_instance_profile" "store" {
  count = local.new_role ? 1 : 0

  name_prefix = "${var.name}-"
  role        = aws_iam_role.store[0].name
  tags        = local.tags
}
