"""The rules that read key results out of metadata and thermal pictures."""

import json

import pytest

from roundsman.captures import key_results


def of(channel, document):
    return key_results.of_document(channel, json.dumps(document))


def test_a_gauge_gives_its_reading():
    document = {"name": "Boiler pressure", "value": 4.2, "units": "bar", "low": 0, "high": 10, "confidence": 0.97}
    assert of("gauge-reader", document) == [{"name": "Boiler pressure", "units": "bar", "value": 4.2}]


def test_a_gauge_reading_may_lie_one_level_down_and_without_units():
    assert of("gauge-reader", {"gauge": {"reading": 7}}) == [{"name": "Reading", "value": 7}]


def test_a_leak_check_gives_its_three_documented_values():
    document = {
        "SPL At Source": {"value": 61.5, "units": "dB"},
        "SNR Value": {"value": 12.0},
        "SNR Threshold": 6.0,
        "Leak Detected": True,
    }
    assert of("leak-source", document) == [
        {"name": "SPL At Source", "units": "dB", "value": 61.5},
        {"name": "SNR Value", "value": 12.0},
        {"name": "SNR Threshold", "value": 6.0},
    ]


@pytest.mark.parametrize("units", ["°C", {"name": "°C"}, {"temp": "TEMPERATURE_CELSIUS"}])
def test_a_signal_of_any_channel_and_depth_is_read(units):
    signal = {
        "signalSpec": {"info": {"name": "Bearing"}, "sensor": {"units": units}},
        "signalData": {"data": {"double": 81.5}},
    }
    document = {
        "signals": {"a": signal, "other": [{"signal_spec": {"info": {"name": "On"}}, "signal_data": {"data": True}}]}
    }
    assert of("some-plugin", document) == [
        {"name": "Bearing", "units": "°C", "value": 81.5},
        {"name": "On", "value": True},
    ]


@pytest.mark.parametrize(
    "document", [{}, [], 5, {"value": 5}, {"signal_spec": {}, "signal_data": {}}, {"SPL At Source": 1}]
)
def test_other_metadata_gives_none(document):
    assert of("metadata", document) == []


def test_the_hottest_point_of_a_raw_thermal_picture_is_in_celsius():
    pixels = bytearray(b"\x0b\x98" * (640 * 512))
    pixels[1000:1002] = (3731).to_bytes(2, "big")  # 373.1 K
    hottest = [{"name": "Max temperature", "units": "°C", "value": 99.95}]
    assert key_results.of_content(".raw", bytes(pixels)) == hottest
    assert key_results.of_content(".pgm", b"P5\n640 512\n65535\n" + bytes(pixels)) == hottest
    assert key_results.of_content(".raw", bytes(pixels[:-2])) == []
    assert key_results.of_content(".jpg", bytes(pixels)) == []
