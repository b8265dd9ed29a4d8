-- description: When a flight is to leave, in New York's time; no month, since five months of training teach no season.
-- entity: flight_id
-- time: sched_dep
-- available_after: 0m
-- lookback: 0d
-- ttl: 0h
-- One row is one scheduled flight; the timetable is published weeks ahead, so nothing here depends on its outcome.
SELECT
  flight_id,
  sched_dep,
  date_part('hour', timezone('America/New_York', sched_dep)) * 60 + date_part('minute', sched_dep) AS minute_of_day, -- minutes after midnight
  isodow(timezone('America/New_York', sched_dep)) AS weekday  -- 1 is Monday
FROM flights
