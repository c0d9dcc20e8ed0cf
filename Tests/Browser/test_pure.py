"""The page's pure modules, run where they live: in the browser."""

import unittest

from console import Console
from installation import RepositoryServer


class PureModules(unittest.TestCase):
    def test_decoding_lines_escapes_and_node_sets(self):
        server = RepositoryServer()
        self.addCleanup(server.stop)
        console = Console(server.url)
        self.addCleanup(console.close)
        console.open("Tests/Browser/pure/index.html")
        results = console.wait(lambda: console.driver.execute_script("return globalThis.results"), "the tests of the pure modules")
        self.assertGreater(len(results), 20)
        for result in results:
            with self.subTest(result["name"]):
                self.assertIsNone(result.get("problem"))
