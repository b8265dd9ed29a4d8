-- description: Last hourly weather report of the airport of departure.
-- entity: origin
-- time: observed_at
-- available_after: 1h
-- lookback: 0h
-- ttl: 6h
-- One row is one airport and hour. The source names the hour a report belongs to, not its minute, so it counts as known
-- when that hour is over.
SELECT origin, observed_at, temp, dewp, wind_speed, precip, pressure, visib
FROM weather
