"""What tests of networks have in common."""

import pytest

pytest.register_assert_rewrite("tests.nn.oracles")  # so that a failure there tells both sides
