"""job: one stage of dvc.yaml as a job of Snakemake, which may run beside others on this machine or on many."""
