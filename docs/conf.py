"""How Sphinx builds these pages: `make docs` writes them to site/."""

import fastgrad

project = "fastgrad"
author = "The fastgrad developers"
copyright = "The fastgrad developers"
version = release = fastgrad.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["conftest.py"]

html_theme = "furo"
html_title = f"fastgrad {version}"
html_static_path = ["static"]
html_css_files = ["code.css"]
html_copy_source = False
html_show_sphinx = False

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the docstrings name the types
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_param = False  # one entry for arguments that are described together
napoleon_use_rtype = False

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
