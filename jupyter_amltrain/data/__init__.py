"""Data that runs read: datastores and datasets."""
