-- One row: what the model answered from $from to $until, and what became of it as far as outcomes were known at $now.
-- Scores are added up as decimals: sums of floating-point numbers differ from run to run where two threads add.
WITH scored AS (SELECT * FROM {predictions}),
     answered AS ({joined})
SELECT count(*) AS predictions,
       avg(CAST(score AS DECIMAL(18, 15))) AS predicted,
       count(*) FILTER (WHERE score >= $threshold) AS flagged,
       count(*) FILTER (WHERE known) AS outcomes_known,
       avg(label) FILTER (WHERE known) AS seen,
       count(*) FILTER (WHERE known AND label = 0 AND score >= $threshold) AS false_alarms,
       count(*) FILTER (WHERE known AND label = 1 AND score < $threshold) AS missed
FROM (SELECT score, label,
             label IS NOT NULL AND known_us <= epoch_us(CAST($now AS TIMESTAMPTZ)) AS known
      FROM answered)
