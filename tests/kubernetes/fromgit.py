"""A stack on the cluster that files share, and the git repositories that its locations come from."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.cluster.access import Access
from tests.kubernetes.stacks import ClusterStack
from tests.pipelines import Pipeline
from tests.shared import SharedStack


class FromGit(SharedStack[ClusterStack]):
    """Gets new repositories each time it is made."""

    def __init__(self, access: Access, folder: Path) -> None:
        super().__init__(self._new)
        self.access, self._folder, self._number = access, folder, 0

    @property
    def repositories(self) -> Path:
        return self._folder / str(self._number) / "git"

    def code(self, location: str) -> Pipeline:
        return Pipeline(self.repositories / location)

    @contextmanager
    def _new(self) -> Iterator[ClusterStack]:
        self._number += 1
        self.repositories.mkdir(parents=True)
        with self.to_be_deployed(self.repositories.parent) as made:
            yield made

    @abstractmethod
    def to_be_deployed(self, folder: Path) -> AbstractContextManager[ClusterStack]:
        """Return the stack, its repositories served and its Secrets there; its files are in the folder."""
