"""The AI bill of materials of a feature: its parts, the CycloneDX document, checks, signature.

Frames and values in, documents out: nothing here opens a database or a configuration file.
"""
