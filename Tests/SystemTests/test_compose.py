"""compose/ in network namespaces: each service with its own command, environment and files, and the smoke test in both forms."""

import stat
import subprocess
import unittest

import estiba

try:
    import compose
    OBSTACLE = compose.obstacle()
except ImportError as missing:
    OBSTACLE = f"{missing.name} is missing"


@unittest.skipIf(OBSTACLE, OBSTACLE)
class Compose(unittest.TestCase):
    def test_one_of_each_and_three_nodes_pass_the_smoke_test(self):
        with compose.Project("compose.yaml") as project:
            said = project.smoke("gateway:7480")
            self.assertEqual(said.count("ok  "), 4, said)
            for name, service in project.services.items():
                if "healthcheck" in service.facts:
                    estiba.wait_for(service.is_healthy, 30, f"health of {name}")
            for name, service in project.services.items():
                self.assertEqual(service.stop(), 0, f"{name}\n{project.said()}")

    def test_two_of_each_pass_the_smoke_test_and_do_without_the_first_broker_and_gateway(self):
        with compose.Project("compose.yaml", "compose.two.yaml") as project:
            said = project.smoke("gateway:7480", "gateway2:7481")
            self.assertEqual(said.count("ok  "), 7, said)
            self.assertEqual(project.services["broker"].stop(), 0)
            self.assertEqual(project.services["gateway"].stop(), 0)
            said = project.smoke("gateway2:7481")
            self.assertEqual(said.count("ok  "), 4, said)
            # The other way round, and the login is the authority's, not the gateway's.
            project.services["broker"].start()
            project.services["gateway"].start()
            self.assertEqual(project.services["broker2"].stop(), 0)
            said = project.smoke("gateway2:7481", "gateway:7480")
            self.assertEqual(said.count("ok  "), 7, said)

    def test_a_health_check_sees_a_part_that_is_not_well(self):
        with compose.Project("compose.yaml") as project:
            node, gateway = project.services["node1"], project.services["gateway"]
            estiba.wait_for(node.is_healthy, 30, "health of node1")
            project.services["broker"].stop()
            estiba.wait_for(lambda: not node.is_healthy(), 30, "node1 without a broker")
            estiba.wait_for(gateway.is_healthy, 30, "health of the gateway")
            gateway.facts["healthcheck"]["test"][-1] = "7499"
            self.assertFalse(gateway.is_healthy())

    def test_the_keys_are_made_once_and_each_is_its_readers_alone(self):
        with compose.Project("compose.yaml") as project:
            secrets = project.compose / "secrets"
            before = {path.name: path.read_bytes() for path in secrets.glob("*.key")}
            project.make_keys()
            self.assertEqual(before, {path.name: path.read_bytes() for path in secrets.glob("*.key")})
            self.assertEqual(len(before), 9)
            for path in secrets.glob("*.key"):
                self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o400, path)
            for name in ["accounts", "password"]:
                self.assertEqual(stat.S_IMODE((secrets / name).stat().st_mode), 0o600, name)
            ignored = subprocess.run(
                ["git", "check-ignore", "compose/secrets/broker.key", "compose/.env"], cwd=estiba.REPOSITORY, capture_output=True,
                text=True)
            if ignored.returncode != 128:
                self.assertEqual(ignored.stdout.split(), ["compose/secrets/broker.key", "compose/.env"])


if __name__ == "__main__":
    unittest.main()
