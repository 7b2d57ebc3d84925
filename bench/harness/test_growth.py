"""Is growth told from caches that fill and from noise? On made-up figures: python3 -m unittest harness.test_growth, in bench/."""
import random
import unittest

from . import growth

SMAPS = """\
7eef47a00000-7eef48610000 rw-p 00000000 00:01 30 /memfd:pocketgres-fork (deleted)
Pss:                 600 kB
Anonymous:           300 kB
7eef48610000-7eef4b14e000 rw-s 00000000 00:01 31 /memfd:pocketgres-shm (deleted)
Pss:                1500 kB
Anonymous:             0 kB
7eef4b14e000-7eef4fb00000 rw-p 00000000 00:00 0
Pss:                5800 kB
Anonymous:          5800 kB
7eef4fb00000-7ef147e00000 ---p 00000000 00:00 0
Pss:                   0 kB
7ef147e00000-7ef147f00000 rw-p 00000000 00:00 0
Pss:                  40 kB
Anonymous:            40 kB
"""


def series(value, count=7, work=100_000):
    return [{"work": i * work, "mb": value(i * work)} for i in range(count)]


class GrowthTests(unittest.TestCase):
    def verdict(self, value, limit=2.0):
        return growth.growing(series(value), "work", {"mb": limit})

    def test_a_steady_leak_grows(self):
        # 8 bytes for each piece of work: 3.2 MB in the last two thirds of 600,000
        self.assertAlmostEqual(self.verdict(lambda n: 100 + n * 8 / 1e6)["mb"], 3.2)

    def test_a_leak_under_noise_grows(self):
        noise = random.Random(1)
        for _ in range(100):
            self.assertIn("mb", self.verdict(lambda n: 100 + n * 20 / 1e6 + noise.uniform(-1.5, 1.5)))

    def test_noise_does_not_grow(self):
        noise = random.Random(2)
        for _ in range(100):
            self.assertEqual({}, self.verdict(lambda n: 100 + noise.uniform(-0.8, 0.8)))

    def test_a_cache_that_fills_in_the_first_third_does_not_grow(self):
        self.assertEqual({}, self.verdict(lambda n: 100 + min(n, 200_000) * 50 / 1e6))

    def test_one_value_that_stands_out_does_not_grow(self):
        self.assertEqual({}, self.verdict(lambda n: 130 if n in (300_000, 600_000) else 100))

    def test_a_leak_that_begins_late_grows(self):
        self.assertIn("mb", self.verdict(lambda n: 100 + max(0, n - 300_000) * 40 / 1e6))

    def test_less_memory_does_not_grow(self):
        self.assertEqual({}, self.verdict(lambda n: 100 - n * 20 / 1e6))

    def test_mappings_of_a_process_are_told_apart(self):
        mappings = list(growth.parse(SMAPS.splitlines()))
        self.assertEqual([600, 1500, 5800, 0, 40], [m.pss for m in mappings])
        self.assertEqual({"sessions": 6400, "shared": 1500, "code": 0, "other": 40, "files": 0}, dict(growth.kib_by_kind(mappings)))


if __name__ == "__main__":
    unittest.main()
