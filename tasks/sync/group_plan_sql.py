"""The statements of the plan that are about groups and who is in them; their parameters are those of plan_sql."""

from typing import Final

from tasks.sync.plan_sql import SEEN

# Groups that were moved to this directory are met by their names: by the first of several.
_EXPECTED: Final = """
expected AS (
  SELECT DISTINCT ON (grp.id) grp.id, grp.display_name AS had_name, staged.external_id
    FROM identity_group grp
    JOIN tasks_stagedgroup staged ON staged.run_id = %(run)s AND staged.word <> 'removed' AND staged.display_name = grp.display_name
   WHERE grp.organization_id = %(organization)s AND grp.directory_id = %(directory)s AND grp.moved_at IS NOT NULL
     AND grp.external_id IS NULL AND grp.ended_at IS NULL
     AND NOT EXISTS (SELECT 1 FROM identity_group known WHERE known.organization_id = %(organization)s
                        AND known.directory_id = %(directory)s AND known.external_id = staged.external_id AND known.ended_at IS NULL)
   ORDER BY grp.id, staged.external_id
)"""

# Beside each other: whom the pages named for a group, and who of the directory's people is in it. Only what differs is kept. A person
# counts as known if they are, or are about to be. Whom this directory does not know, it does not remove.
MOVES: Final = (
    "WITH "  # noqa: S608
    + SEEN
    + ","
    + _EXPECTED
    + """, named AS (
  SELECT staged.external_id AS group_key, staged.word, COALESCE(grp.id, expected.id) AS group_id FROM tasks_stagedgroup staged
    LEFT JOIN identity_group grp ON grp.organization_id = %(organization)s AND grp.directory_id = %(directory)s
         AND grp.external_id = staged.external_id AND grp.ended_at IS NULL
    LEFT JOIN expected ON expected.external_id = staged.external_id
   WHERE staged.run_id = %(run)s AND staged.word IN ('all', 'changes')
), said AS MATERIALIZED (
  SELECT row.group_key, row.member_key, row.departed IS NOT DISTINCT FROM 'true' AS departed, page.number * 1000000000 + row.place AS place
    FROM tasks_stagedpage page, ROWS FROM (
      jsonb_array_elements_text(page.groups), jsonb_array_elements_text(page.members), jsonb_array_elements(page.departures)
    ) WITH ORDINALITY AS row (group_key, member_key, departed, place)
   WHERE page.run_id = %(run)s
), kept AS (
  SELECT named.group_key, known.external_id AS member_key, named.word
    FROM named
    JOIN identity_membership membership ON membership.organization_id = %(organization)s AND membership.group_id = named.group_id
         AND membership.ended_at IS NULL
    JOIN tasks_known known ON known.organization_id = %(organization)s AND known.member_id = membership.member_id
         AND known.directory_id = %(directory)s
), beside AS (
  SELECT COALESCE(said.group_key, kept.group_key) AS group_key, COALESCE(said.member_key, kept.member_key) AS member_key,
         said.group_key IS NOT NULL AS was_named, kept.word, said.departed, said.place
    FROM said FULL JOIN kept ON kept.group_key = said.group_key AND kept.member_key = said.member_key
   WHERE said.group_key IS NULL OR kept.group_key IS NULL OR said.departed
), joins AS (
  SELECT group_key, member_key, max(place) AS place FROM beside
   WHERE was_named AND NOT departed AND word IS NULL AND group_key IN (SELECT group_key FROM named)
   GROUP BY group_key, member_key
), departures AS (
  SELECT group_key, member_key, max(place) AS place, bool_or(word IS NOT NULL) AS is_in FROM beside
   WHERE was_named AND departed AND group_key IN (SELECT group_key FROM named)
   GROUP BY group_key, member_key
), there AS (
  -- Whoever is merely absent is not thereby out of their groups.
  SELECT external_id FROM seen WHERE %(whole)s AND NOT EXISTS (
    SELECT 1 FROM tasks_stagedperson staged WHERE staged.run_id = %(run)s AND staged.external_id = seen.external_id)
  UNION ALL
  SELECT external_id FROM tasks_stagedperson WHERE %(whole)s AND run_id = %(run)s AND word <> 'removed'
  UNION ALL
  SELECT external_id FROM tasks_known WHERE NOT %(whole)s AND directory_id = %(directory)s
), leaves AS (
  SELECT departures.group_key, departures.member_key FROM departures
   WHERE is_in AND NOT EXISTS (SELECT 1 FROM said WHERE said.group_key = departures.group_key AND said.member_key = departures.member_key
                                  AND NOT said.departed AND said.place > departures.place)
  UNION
  SELECT group_key, member_key FROM beside
   WHERE NOT was_named AND word = 'all' AND %(complete)s
     AND member_key IN (SELECT external_id FROM there)
)
INSERT INTO tasks_stagedmembership (organization_id, run_id, group_key, member_key, present)
SELECT %(organization)s, %(run)s, group_key, member_key, present FROM (
  SELECT joins.group_key, joins.member_key, true AS present FROM joins
    LEFT JOIN departures USING (group_key, member_key)
    LEFT JOIN tasks_known known ON known.directory_id = %(directory)s AND known.external_id = joins.member_key
    LEFT JOIN identity_member member ON member.organization_id = %(organization)s AND member.id = known.member_id
   WHERE (departures.place IS NULL OR departures.place < joins.place)
     AND (member.state <> 'offboarded' OR (known.member_id IS NULL AND joins.member_key IN (
       SELECT external_id FROM identity_step WHERE organization_id = %(organization)s AND run_id = %(run)s
          AND action IN ('create', 'link') AND state IN ('waiting', 'held'))))
     AND joins.member_key NOT IN (SELECT external_id FROM tasks_stagedperson WHERE run_id = %(run)s AND word = 'torn')
  UNION ALL
  SELECT group_key, member_key, false FROM leaves
) AS moved ORDER BY group_key, member_key
"""
)

GROUPS: Final = (
    "WITH "  # noqa: S608
    + _EXPECTED
    + """, moved AS (
  SELECT group_key, count(*) FILTER (WHERE present) AS joining, count(*) FILTER (WHERE NOT present) AS leaving,
         sha256(convert_to(string_agg((CASE WHEN present THEN '+' ELSE '-' END) || member_key, E'\\n' ORDER BY member_key COLLATE
           "C"), 'UTF8')) AS digest
    FROM tasks_stagedmembership WHERE run_id = %(run)s
   GROUP BY group_key
), told AS (
  SELECT named.external_id, named.word, named.display_name, COALESCE(grp.id, expected.id) AS group_id,
         COALESCE(grp.display_name, expected.had_name) AS had_name, expected.id IS NOT NULL AS is_expected
    FROM tasks_stagedgroup named
    LEFT JOIN identity_group grp ON grp.organization_id = %(organization)s AND grp.directory_id = %(directory)s
         AND grp.external_id = named.external_id AND grp.ended_at IS NULL
    LEFT JOIN expected ON expected.external_id = named.external_id
   WHERE named.run_id = %(run)s
), verdict AS (
  SELECT external_id, display_name AS label, group_id, 'group_create' AS action, '' AS reason, sha256(convert_to(display_name,
    'UTF8')) AS digest,
         '{}'::jsonb AS fields
    FROM told WHERE group_id IS NULL AND word <> 'removed'
  UNION ALL
  SELECT external_id, display_name, group_id, 'group_link', '', sha256(convert_to(display_name, 'UTF8')), '{}'::jsonb
    FROM told WHERE is_expected
  UNION ALL
  SELECT external_id, display_name, group_id, 'group_rename', '', sha256(convert_to(display_name, 'UTF8')),
         jsonb_build_object('display_name', jsonb_build_array(had_name, display_name))
    FROM told WHERE group_id IS NOT NULL AND word <> 'removed' AND display_name <> had_name
  UNION ALL
  SELECT moved.group_key, told.display_name, told.group_id, 'members', '', moved.digest,
         jsonb_build_object('joining', joining, 'leaving', leaving)
    FROM moved JOIN told ON told.external_id = moved.group_key
  UNION ALL
  SELECT external_id, had_name, group_id, 'group_end', 'removed', ''::bytea, '{}'::jsonb FROM told WHERE word = 'removed'
    AND group_id IS NOT NULL
  UNION ALL
  SELECT grp.external_id, grp.display_name, grp.id, 'group_end', 'absent', ''::bytea, '{}'::jsonb
    FROM identity_group grp
    LEFT JOIN tasks_missinggroup missing ON missing.directory_id = %(directory)s AND missing.external_id = grp.external_id
   WHERE grp.organization_id = %(organization)s AND grp.directory_id = %(directory)s AND grp.ended_at IS NULL AND %(complete)s AND %(whole)s
     AND grp.external_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM told WHERE told.external_id = grp.external_id)
     AND (%(rescoped)s OR COALESCE(missing.missing_runs, 0) + 1 >= %(absent_runs)s OR missing.missing_since <= %(absent_before)s)
), placed AS (
  SELECT verdict.*, (%(places)s::jsonb ->> action)::smallint AS place FROM verdict
)
INSERT INTO identity_step (id, organization_id, run_id, number, place, action, external_id, label, group_id, digest, fields, reason, state)
SELECT gen_random_uuid(), %(organization)s, %(run)s,
       (SELECT COALESCE(max(number), 0) FROM identity_step WHERE organization_id = %(organization)s AND run_id = %(run)s)
         + row_number() OVER (ORDER BY place, action <> 'group_rename', external_id),
       place, action, external_id, label, group_id, digest, fields, reason, %(state)s
  FROM placed
"""
)

# The next who are to join or leave these groups, taken out of the table: people who were created meanwhile are known by now. All by their
# own keys and places, one by one: what waits and who is known are large, and would be read from end to end for each batch.
TAKE: Final = """
WITH taken AS (
  DELETE FROM tasks_stagedmembership WHERE run_id = %(run)s AND ctid = ANY (ARRAY(
    SELECT ctid FROM tasks_stagedmembership WHERE run_id = %(run)s AND group_key = ANY (%(groups)s)
     ORDER BY group_key, member_key LIMIT %(most)s))
  RETURNING group_key, member_key, present
)
SELECT taken.group_key, known.member_id, taken.present FROM taken
  LEFT JOIN LATERAL (
    SELECT member_id FROM tasks_known WHERE directory_id = %(directory)s AND external_id = taken.member_key LIMIT 1) AS known ON true
 ORDER BY taken.group_key
"""

# As for people.
MISSING_GROUPS: Final = """
INSERT INTO tasks_missinggroup (organization_id, directory_id, external_id, missing_since, missing_runs)
SELECT grp.organization_id, grp.directory_id, grp.external_id, %(now)s, 1 FROM identity_group grp
 WHERE grp.organization_id = %(organization)s AND grp.directory_id = %(directory)s AND grp.ended_at IS NULL AND grp.external_id IS NOT NULL
   AND NOT EXISTS (SELECT 1 FROM tasks_stagedgroup staged WHERE staged.run_id = %(run)s AND staged.external_id = grp.external_id)
ON CONFLICT (directory_id, external_id) DO UPDATE SET missing_runs = LEAST(tasks_missinggroup.missing_runs + 1, 1000)
"""
FOUND_GROUPS: Final = """
DELETE FROM tasks_missinggroup missing
 WHERE missing.directory_id = %(directory)s
   AND EXISTS (SELECT 1 FROM tasks_stagedgroup staged WHERE staged.run_id = %(run)s AND staged.external_id = missing.external_id)
"""
