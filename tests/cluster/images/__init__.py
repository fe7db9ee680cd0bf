"""Container images made without a registry, under the names that manifests use."""
