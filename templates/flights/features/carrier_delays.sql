-- description: How late the carrier leaves this airport now, by its departures of the last three hours.
-- entity: origin, carrier
-- time: as_of
-- available_after: 0m
-- lookback: 2d
-- ttl: 1d
-- One row is one airport, carrier and quarter of an hour in which the window changed (how: see airport_delays.sql).
WITH departed AS (
  SELECT origin, carrier, time_bucket(INTERVAL 15 MINUTE, greatest(departed_at, sched_dep) + INTERVAL 14 MINUTE) AS since,
    count(*) AS flights, sum((dep_delay >= 15)::INTEGER) AS late
  FROM flights WHERE departed_at IS NOT NULL GROUP BY ALL
),
change AS (
  SELECT origin, carrier, since AS as_of, flights, late FROM departed
  UNION ALL SELECT origin, carrier, since + INTERVAL 3 HOUR, -flights, -late FROM departed
),
state AS (
  SELECT origin, carrier, as_of, sum(sum(flights)::DOUBLE) OVER past AS flights, sum(sum(late)::DOUBLE) OVER past AS late
  FROM change
  GROUP BY origin, carrier, as_of
  WINDOW past AS (PARTITION BY origin, carrier ORDER BY as_of ROWS UNBOUNDED PRECEDING)
)
SELECT origin, carrier, as_of,
  nullif(flights, 0) AS carrier_departures_3h,  -- departures of the carrier here in the last 3 hours
  late / nullif(flights, 0) AS carrier_late_3h  -- share of them that left 15 minutes late or more
FROM state
