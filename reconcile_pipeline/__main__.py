"""`python -m reconcile_pipeline` is the `reconcile` command."""

from reconcile_pipeline.cli import main

if __name__ == "__main__":
    main()
