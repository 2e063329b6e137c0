"""Experiments, environments, compute targets and models of a workspace, as rows."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

from .database import Database


class Catalog(Database):
    """What a workspace knows by name, apart from runs."""

    def ensure_experiment(self, name: str) -> str:
        """The id of the experiment of that name, made when it is new."""
        with self._connection() as connection:
            row = connection.execute("SELECT id FROM experiments WHERE name = ?", (name,)).fetchone()
        if row is None:
            from uuid import uuid4

            with self._connection(write=True) as connection:
                connection.execute(
                    "INSERT OR IGNORE INTO experiments VALUES (?, ?, ?)", (name, str(uuid4()), time.time())
                )
                row = connection.execute("SELECT id FROM experiments WHERE name = ?", (name,)).fetchone()
        return str(row[0])

    def experiments(self) -> dict[str, str]:
        """Name to id of all experiments, oldest first."""
        with self._connection() as connection:
            return dict(connection.execute("SELECT name, id FROM experiments ORDER BY created"))

    def save_environment(self, name: str, spec: Mapping[str, Any]) -> int:
        """Keep a definition; returns its version: that of an equal one where there is one, else the next."""
        text = json.dumps(spec, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        with self._connection(write=True) as connection:
            newest = connection.execute(
                "SELECT version, digest FROM environments WHERE name = ? ORDER BY version DESC LIMIT 1", (name,)
            ).fetchone()
            if newest and newest[1] == digest:
                return int(newest[0])
            version = newest[0] + 1 if newest else 1
            connection.execute(
                "INSERT INTO environments VALUES (?, ?, ?, ?, ?)", (name, version, digest, text, time.time())
            )
        return int(version)

    def get_environment(self, name: str, version: int | str | None = None) -> dict[str, Any] | None:
        """A kept definition, the newest unless ``version`` says otherwise, with ``version`` filled in; or None."""
        query = "SELECT spec, version FROM environments WHERE name = ?"
        with self._connection() as connection:
            if version is None:
                row = connection.execute(f"{query} ORDER BY version DESC LIMIT 1", (name,)).fetchone()
            else:
                row = connection.execute(f"{query} AND version = ?", (name, int(version))).fetchone()
        return {**json.loads(row[0]), "version": str(row[1])} if row else None

    def list_environments(self) -> dict[str, dict[str, Any]]:
        """Name to newest definition, by name."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT name, spec, max(version) FROM environments GROUP BY name ORDER BY name"
            ).fetchall()
        return {name: {**json.loads(spec), "version": str(version)} for name, spec, version in rows}

    def save_pushed(self, environment: str, version: str, reference: str, digest: str) -> None:
        """Keep where the image of a version of an environment is: a name at a registry, and the digest it has there."""
        with self._connection(write=True) as connection:
            connection.execute(
                "INSERT OR REPLACE INTO pushed VALUES (?, ?, ?, ?, ?)",
                (environment, int(version), reference, digest, time.time()),
            )

    def pushed(self, environment: str, version: str) -> dict[str, str]:
        """Names at registries of the image of a version of an environment, the newest first, with their digests."""
        with self._connection() as connection:
            return dict(
                connection.execute(
                    "SELECT reference, digest FROM pushed WHERE environment = ? AND version = ? ORDER BY at DESC",
                    (environment, int(version)),
                )
            )

    def all_environments(self) -> list[dict[str, Any]]:
        """Every version of every environment, by name and then version."""
        with self._connection() as connection:
            rows = connection.execute("SELECT spec, version FROM environments ORDER BY name, version").fetchall()
        return [{**json.loads(spec), "version": str(version)} for spec, version in rows]

    def save_target(self, name: str, definition: Mapping[str, Any]) -> None:
        """Keep or replace the definition of a compute target (``max_nodes`` in it is what the queue obeys)."""
        now = time.time()
        with self._connection(write=True) as connection:
            connection.execute(
                "INSERT INTO targets VALUES (?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET definition ="
                " excluded.definition, modified = excluded.modified",
                (name, json.dumps(definition), now, now),
            )

    def get_target(self, name: str) -> dict[str, Any] | None:
        """The definition of a target with its ``created`` and ``modified`` times, or None."""
        return self.list_targets().get(name)

    def list_targets(self) -> dict[str, dict[str, Any]]:
        """Name to definition of all targets, by name."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT name, definition, created, modified FROM targets ORDER BY name"
            ).fetchall()
        return {
            name: {**json.loads(definition), "created": created, "modified": modified}
            for name, definition, created, modified in rows
        }

    def delete_target(self, name: str) -> bool:
        """Forget a target; False when there was none."""
        with self._connection(write=True) as connection:
            return connection.execute("DELETE FROM targets WHERE name = ?", (name,)).rowcount > 0

    def add_model(
        self, name: str, request: str, *, run: str, path: str, tags: Any, properties: Any, about: Any
    ) -> dict[str, Any]:
        """Enter a model under the next version of its name; the same request again gives the same one."""
        with self._connection(write=True) as connection:
            row = connection.execute("SELECT name, version FROM models WHERE request = ?", (request,)).fetchone()
            if row is None:
                newest = connection.execute("SELECT max(version) FROM models WHERE name = ?", (name,)).fetchone()[0]
                row = (name, (newest or 0) + 1)
                connection.execute(
                    "INSERT INTO models VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        *row,
                        request,
                        run,
                        path,
                        json.dumps(tags),
                        json.dumps(properties),
                        json.dumps(about),
                        time.time(),
                    ),
                )
        return self.models(row[0], row[1])[0]

    def models(self, name: str | None = None, version: int | None = None) -> list[dict[str, Any]]:
        """Registered models as ``name``, ``version``, ``run``, ``path``, ``tags``, …, newest first."""
        query = "SELECT name, version, run, path, tags, properties, about, created FROM models WHERE path <> ''"
        values: list[Any] = []
        for column, wanted in (("name", name), ("version", version)):
            if wanted is not None:
                query += f" AND {column} = ?"
                values.append(wanted)
        with self._connection() as connection:
            rows = connection.execute(f"{query} ORDER BY created DESC, version DESC", values).fetchall()
        return [
            {
                **dict(zip(("name", "version", "run", "path"), row[:4], strict=True)),
                **dict(zip(("tags", "properties", "about"), map(json.loads, row[4:7]), strict=True)),
                "created": row[7],
            }
            for row in rows
        ]
