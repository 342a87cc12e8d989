"""Serves the review app in the foreground until it is told to stop."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import uvicorn

from reconcile_pipeline.building import Site, site_of
from reconcile_pipeline.model import Category, PipelineError
from reconcile_pipeline.push.serve import listen, uvicorn_config
from reconcile_pipeline.settings import Settings
from reconcile_pipeline.web.books import Books
from reconcile_pipeline.web.desk import Desk
from reconcile_pipeline.web.tasks import Tasks
