"""The demo's own catalogue: merchants, products and variants in catalogue.toml, pictures from ../drawings."""
