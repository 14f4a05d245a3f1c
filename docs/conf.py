"""How the documentation site is built: `python -m sphinx -j auto -W --keep-going docs build/docs`."""

import os
import sys
from pathlib import Path

import pynodes

DOCS = Path(__file__).resolve().parent
sys.path.append(str(DOCS / "extensions"))

# Where notebooks run, JAX looks for no other devices than this machine's processor, nothing says how
# far it is, and figures are dense enough for good screens.
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["PYNODES_PROGRESS"] = "0"
os.environ["MATPLOTLIBRC"] = str(DOCS / "matplotlibrc")

project = "pynodes"
author = "the pynodes developers"
version = release = pynodes.__version__
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "docstrings",
    "mathematics",
    "order",
    "references",
    "repository",
    "words",
]
# These are the indexes that GitHub shows, and the site has its own.
exclude_patterns = ["README.md", "extensions", "templates"]
templates_path = ["templates"]
nitpicky = True
show_warning_types = True
suppress_warnings = ["misc.highlighting_failure"]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
myst_dmath_double_inline = True

nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_timeout = 600
nb_execution_raise_on_error = False  # a failing cell is a warning, and so an error in the end
nb_execution_show_tb = True
nb_output_stderr = "error"
nb_render_markdown_format = "myst"
nb_number_source_lines = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_use_legacy_class_based = True
autosummary_generate = True
autosummary_ignore_module_all = False
napoleon_google_docstring = False
napoleon_custom_sections = [("Attributes", "params_style")]
napoleon_use_rtype = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = f"pynodes {release}"

html_static_path = ["static"]
html_css_files = ["site.css"]
html_search_scorer = str(DOCS / "extensions" / "scorer.js")
html_show_sourcelink = False
html_show_sphinx = False
html_sidebars = {"**": ["sections.html"]}
html_theme_options = {
    "show_prev_next": True,
    "navigation_with_keys": False,
    # The four sections stand in the sidebar of every page; the head names none of their pages.
    "navbar_center": [],
    "show_nav_level": 1,
    "collapse_navigation": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
