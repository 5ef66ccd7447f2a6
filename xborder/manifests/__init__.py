"""Lists into clearance manifests (清关清单批次): batches, messages, workbooks, sealed files."""
