"""Migrations of the registry (迁移); run by ``database.migrate``."""
