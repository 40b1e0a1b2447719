"""A stage as a process: what Ctrl-C does to it."""

from tests.processes import run


def test_ctrl_c_while_compiled_code_calls_back_is_not_lost(tmp_path):
    result = run("tests.rig.child_interrupted_callback", folder=tmp_path)
    assert result.returncode == 130
    assert result.stderr == "\nthe caller: interrupted; run the same command again to go on\n"
