"""Signatures of requests to S3, against the example in Amazon's documentation."""

from datetime import UTC, datetime

from pileus.image.backends.s3 import EMPTY
from pileus.image.backends.sigv4 import Keys, query_string, signed

KEYS = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")
DAY = datetime(2013, 5, 24, tzinfo=UTC)


def test_the_documented_example():
    sent = signed("GET", "https://examplebucket.s3.amazonaws.com/test.txt", {"Range": "bytes=0-9"}, EMPTY, KEYS, DAY)
    assert sent["authorization"].endswith("f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")


def test_queries_are_sorted_and_spelled_as_they_are_signed():
    url = "https://examplebucket.s3.amazonaws.com/?" + query_string({"prefix": "J", "max-keys": "2"})
    assert url.endswith("?max-keys=2&prefix=J")
    assert signed("GET", url, {}, EMPTY, KEYS, DAY)["authorization"].endswith(
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")
    assert query_string({"a b": "ü/~"}) == "a%20b=%C3%BC%2F~"
