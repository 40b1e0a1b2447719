"""Every stage of dvc.yaml as a rule, so that independent stages run in parallel: snakemake plots --cores 4

On a cluster: snakemake plots --profile profiles/slurm

The rule's body is DVC's own run of the one stage: both engines share one cache and one lock file.
"""

from stages.rig.graph import rules as stage_rules

STAGES = stage_rules()


def flagged(path, meta):
    """An output as Snakemake declares it, part of `snakemake --report` where dvc.yaml says so."""
    declared = directory(path) if meta.get("directory") else path
    return report(declared, **meta["report"]) if "report" in meta else declared


rule all:
    default_target: True
    input:
        [path for stage in STAGES for path, _ in stage.outputs],


rule plots:
    input:
        [path for stage in STAGES if stage.meta.get("target") == "plots" for path, _ in stage.outputs],


for stage in STAGES:

    rule:
        name:
            stage.name
        input:
            stage.inputs,
        output:
            [flagged(path, meta) for path, meta in stage.outputs],
        params:
            target=f"dvc.yaml:{stage.stage}",  # in full: the linter takes `report` for the beginning of `reports/`
            values=stage.parameters,
        log:
            f"logs/{stage.stage}.log",
        conda:
            "environment.yaml"
        localrule: stage.meta.get("local", False)
        threads: stage.meta.get("threads", 1)
        resources:
            **stage.meta.get("resources", {}),
        shell:
            "python -m stages.rig.job {params.target:q} > {log:q} 2>&1"
