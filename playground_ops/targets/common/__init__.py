"""What both targets do alike: git refs, code servers, the webserver, the Dagster instance."""
