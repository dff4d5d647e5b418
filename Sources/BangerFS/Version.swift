// The one place that says which version this is; the package build reads it from here.

let version = "0.1.0"
