"""Code that both targets share: git refs, code servers, the webserver, the Dagster instance."""
