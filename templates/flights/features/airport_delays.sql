-- description: How late the airport runs now: arrivals known and departures seen in the last hours, and flights waiting.
-- entity: origin
-- time: as_of
-- available_after: 0m
-- lookback: 3d
-- ttl: 1d
-- One row is one airport and quarter of an hour in which a window changed. A flight enters a window when it becomes known
-- and leaves it when the window has passed, so a row holds exactly the window's content until the next row: at any
-- instant, and from a few days of history just as from the whole year. Running sums are of whole numbers in DOUBLE: exact
-- below 2^53 whatever their order, and three times as fast as HUGEINT.
WITH arrived AS (
  SELECT origin, time_bucket(INTERVAL 15 MINUTE, known_at + INTERVAL 14 MINUTE) AS since,
    count(*) AS flights, sum(late::INTEGER) AS late, sum(least(arr_delay, 180)) AS delay
  FROM flights WHERE known_at IS NOT NULL GROUP BY ALL
),
departed AS (  -- a flight that leaves early counts from its scheduled time on
  SELECT origin, time_bucket(INTERVAL 15 MINUTE, greatest(departed_at, sched_dep) + INTERVAL 14 MINUTE) AS since,
    count(*) AS flights, sum(least(dep_delay, 180)) AS delay
  FROM flights WHERE departed_at IS NOT NULL GROUP BY ALL
),
due AS (
  SELECT origin, time_bucket(INTERVAL 15 MINUTE, sched_dep + INTERVAL 14 MINUTE) AS since, count(*) AS flights
  FROM flights GROUP BY ALL
),
gone AS (  -- a flight waits until it leaves, or for six hours: nothing says when one is cancelled
  SELECT origin, count(*) AS flights,
    time_bucket(INTERVAL 15 MINUTE,
      least(greatest(coalesce(departed_at, limit_at), sched_dep), limit_at) + INTERVAL 14 MINUTE) AS since
  FROM (SELECT origin, sched_dep, departed_at, sched_dep + INTERVAL 6 HOUR AS limit_at FROM flights) GROUP BY ALL
),
change AS (
  SELECT origin, since AS as_of, flights AS arr_n3, delay AS arr_delay3, flights AS arr_n24, late AS arr_late24,
                                                        0 AS dep_n1, 0 AS dep_delay1, 0 AS due1, 0 AS waiting FROM arrived
  UNION ALL SELECT origin, since + INTERVAL 3 HOUR,     -flights, -delay, 0, 0,   0, 0,   0, 0 FROM arrived
  UNION ALL SELECT origin, since + INTERVAL 24 HOUR,    0, 0, -flights, -late,    0, 0,   0, 0 FROM arrived
  UNION ALL SELECT origin, since,                       0, 0, 0, 0,   flights, delay,     0, 0 FROM departed
  UNION ALL SELECT origin, since + INTERVAL 1 HOUR,     0, 0, 0, 0,   -flights, -delay,   0, 0 FROM departed
  UNION ALL SELECT origin, since,                       0, 0, 0, 0,   0, 0,   flights, flights FROM due
  UNION ALL SELECT origin, since + INTERVAL 1 HOUR,     0, 0, 0, 0,   0, 0,       -flights, 0 FROM due
  UNION ALL SELECT origin, since,                       0, 0, 0, 0,   0, 0,       0, -flights FROM gone
),
state AS (
  SELECT origin, as_of,
    sum(sum(arr_n3)::DOUBLE) OVER past AS arr_n3, sum(sum(arr_delay3)::DOUBLE) OVER past AS arr_delay3,
    sum(sum(arr_n24)::DOUBLE) OVER past AS arr_n24, sum(sum(arr_late24)::DOUBLE) OVER past AS arr_late24,
    sum(sum(dep_n1)::DOUBLE) OVER past AS dep_n1, sum(sum(dep_delay1)::DOUBLE) OVER past AS dep_delay1,
    sum(sum(due1)::DOUBLE) OVER past AS due1, sum(sum(waiting)::DOUBLE) OVER past AS waiting
  FROM change
  GROUP BY origin, as_of
  WINDOW past AS (PARTITION BY origin ORDER BY as_of ROWS UNBOUNDED PRECEDING)
)
SELECT origin, as_of,
  arr_delay3 / nullif(arr_n3, 0) AS arr_delay_3h,  -- mean delay of the arrivals known in 3 hours, minutes, each at most 180
  arr_late24 / nullif(arr_n24, 0) AS arr_late_24h, -- share of the arrivals known in 24 hours that were late
  dep_delay1 / nullif(dep_n1, 0) AS dep_delay_1h,  -- mean delay of the departures of the last hour, minutes, each at most 180
  due1 AS due_1h,                                  -- flights scheduled to leave in the last hour
  waiting AS flights_waiting                       -- flights past their time that have not left, for six hours at most
FROM state
