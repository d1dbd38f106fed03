"""The schema that an answer has to follow, and such an answer."""

from pydantic import BaseModel

import asked


class Weather(BaseModel):
    city: str
    degrees: int
    windy: bool


WEATHER = Weather(city="Saint-Malo", degrees=21, windy=True)


def prompt():
    return asked.with_wishes("how is it", f"json {WEATHER.model_dump_json()}")
