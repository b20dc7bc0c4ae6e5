locals {
  new_account           = length(var.identity.buckets) > 0
  service_account_email = local.new_account ? google_service_account.store[0].email : var.identity.service_account_email

  grants = {
    for bucket in var.identity.buckets : "${bucket.name}/${bucket.prefix}" => bucket
  }
}

resource "google_service_account" "store" {
  count = local.new_account ? 1 : 0

  account_id   = var.name
  display_name = var.name
  description  = "Stores of skyctl run ${var.run}"
}

locals {
  # Objects below these prefixes, by bucket. A large object is written in parts,
  # which are below a prefix of the run's own until they are put together.
  prefixes = {
    for key, bucket in local.grants : key => concat([bucket.prefix], bucket.write && bucket.prefix != "" ? [".skyctl/${var.run}/"] : [])
  }
}

# Of the bucket, objects below the prefixes only. Listing is asked of the same
# condition, by the prefix that is listed.
resource "google_storage_bucket_iam_member" "store" {
  for_each = local.grants

  bucket = each.value.name
  role   = each.value.write ? "roles/storage.objectUser" : "roles/storage.objectViewer"
  member = "serviceAccount:${google_service_account.store[0].email}"

  condition {
    title       = var.name
    description = "Until the end of skyctl run ${var.run}"
    expression = join(" && ", [
      "request.time < timestamp(\"${var.not_after}\")",
      "(${join(" || ", flatten([for prefix in local.prefixes[each.key] : [
        "resource.name.startsWith(\"projects/_/buckets/${each.value.name}/objects/${prefix}\")",
        "api.getAttribute(\"storage.googleapis.com/objectListPrefix\", \"\").startsWith(\"${prefix}\")",
      ]]))})",
    ])
  }
}
