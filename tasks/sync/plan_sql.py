"""The statements of the plan: what was staged beside what is known, set by set. Reading them is reading the rules.

Parameters: organization, directory, run; begun (when the reading began), complete and whole (of the listing), rescoped (another scope than
the last good run's), absent_runs and absent_before (who counts as gone), state (of
new steps).
"""

from typing import Final

# Whose turn: whoever frees a name comes before whoever takes it; so among groups those that are renamed come first (group_plan_sql).
PLACES: Final = {
    "suspend": 1, "rename": 1, "update": 2, "reactivate": 2, "link": 2, "create": 3, "group_create": 4, "group_link": 4,
    "group_rename": 4, "members": 5, "group_end": 6,
}  # fmt: skip

# Who was told of as before, or merely as being there. Rows of tasks_stagedperson say more and count before this.
SEEN: Final = """
seen AS MATERIALIZED (
  SELECT jsonb_array_elements_text(seen) AS external_id FROM tasks_stagedpage WHERE run_id = %(run)s
)"""

PEOPLE: Final = (
    "WITH "  # noqa: S608 - joined from constants alone; so are the next ones
    + SEEN
    + """, told AS (
  SELECT staged.external_id, staged.digest, staged.user_name, staged.user_name_key, staged.email_key, staged.profile, staged.active,
         staged.version, known.member_id, known.version AS known_version, known.names, known.shut_at, known.gone_at
    FROM tasks_stagedperson staged
    LEFT JOIN tasks_known known ON known.directory_id = %(directory)s AND known.external_id = staged.external_id
   WHERE staged.run_id = %(run)s AND staged.word = 'told'
), existing AS (
  SELECT told.*, member.state, member.version AS member_version, member.user_name AS had_name, member.user_name_key AS had_key,
         member.profile AS had, member.suspended_at, member.changed_at,
         (member.profile - ARRAY(SELECT jsonb_array_elements_text(told.names))) || told.profile AS wanted
    FROM told JOIN identity_member member ON member.organization_id = %(organization)s AND member.id = told.member_id
), known_people AS (
  SELECT external_id, digest, user_name AS label, member_id, member_version, had, wanted,
         CASE WHEN state = 'offboarded' THEN 'skip'
              WHEN version <> '' AND known_version <> '' AND version COLLATE "C" < known_version COLLATE "C" THEN 'skip'
              WHEN gone_at IS NOT NULL AND (gone_at >= %(begun)s OR (version <> ''
                AND version COLLATE "C" <= known_version COLLATE "C")) THEN 'skip'
              WHEN active IS FALSE AND state = 'active' THEN 'suspend'
              WHEN active AND state = 'suspended' AND suspended_at = shut_at THEN 'reactivate'
              WHEN user_name <> had_name THEN 'rename'
              WHEN wanted IS DISTINCT FROM had THEN 'update' END AS action,
         CASE WHEN state = 'offboarded' THEN 'offboarded'
              WHEN version <> '' AND known_version <> '' AND version COLLATE "C" < known_version COLLATE "C" THEN 'older_news'
              WHEN gone_at IS NOT NULL AND (gone_at >= %(begun)s OR (version <> ''
                AND version COLLATE "C" <= known_version COLLATE "C")) THEN 'tombstoned'
              WHEN active IS FALSE AND state = 'active' THEN 'signal' ELSE '' END AS reason,
         changed_at
    FROM existing
), newcomer AS (
  SELECT told.*, row_number() OVER (PARTITION BY user_name_key ORDER BY external_id) AS nth FROM told WHERE member_id IS NULL
), awaited AS MATERIALIZED (
  -- Whom somebody moved to this directory (identity.moves), which has not told of them since.
  SELECT link.external_id, member.id AS member_id, member.version, member.state, member.user_name_key
    FROM identity_link link JOIN identity_member member ON member.organization_id = %(organization)s AND member.id = link.member_id
   WHERE link.organization_id = %(organization)s AND link.directory_id = %(directory)s AND link.moved_at IS NOT NULL
     AND link.tombstoned_at IS NULL
), expected AS (
  SELECT DISTINCT ON (user_name_key) * FROM awaited WHERE external_id IS NULL ORDER BY user_name_key, state = 'offboarded'
), met AS (
  SELECT newcomer.*, COALESCE(handed.member_id, expected.member_id, member.id) AS same_id,
         COALESCE(handed.version, expected.version, member.version) AS same_version,
         COALESCE(handed.state, expected.state) AS awaited_as,
         newcomer.email_key <> '' AND newcomer.email_key IN (member.email_key, member.user_name_key) AND EXISTS (
           SELECT 1 FROM identity_domain domain WHERE domain.organization_id = %(organization)s AND domain.proved_at IS NOT NULL
              AND domain.name = split_part(newcomer.email_key, '@', 2))
         AND NOT EXISTS (
           SELECT 1 FROM identity_link link WHERE link.organization_id = %(organization)s AND link.member_id = member.id
              AND link.tombstoned_at IS NULL)
         -- Whoever comes in when single sign-on fails is no directory's to shut out.
         AND NOT EXISTS (
           SELECT 1 FROM identity_organization organization WHERE organization.id = %(organization)s
              AND organization.sign_on = 'single_sign_on' AND organization.break_glass_id = member.id) AS adoptable
    FROM newcomer
    LEFT JOIN awaited handed ON handed.external_id = newcomer.external_id
    LEFT JOIN expected ON expected.user_name_key = newcomer.user_name_key AND handed.member_id IS NULL
    -- A name that its owner gives up in this very run is free.
    LEFT JOIN identity_member member ON member.organization_id = %(organization)s AND member.user_name_key = newcomer.user_name_key
         AND member.state <> 'offboarded'
         AND member.id NOT IN (SELECT member_id FROM existing
                                WHERE user_name_key <> had_key AND state = CASE WHEN active THEN 'active' ELSE 'suspended' END)
), buried AS (
  -- Another directory (a push beside this pull) deleted the same person. An id alone says nothing there: two directories may number
  -- their people alike. A set of its own: no index leads from an id, without its directory, to its tombstones.
  SELECT DISTINCT met.external_id
    FROM met
    JOIN identity_link link ON link.organization_id = %(organization)s AND link.external_id = met.external_id
         AND link.tombstoned_at IS NOT NULL AND link.moved_at IS NULL
    JOIN identity_member gone ON gone.organization_id = %(organization)s AND gone.id = link.member_id
   WHERE link.directory_id = %(directory)s OR gone.user_name_key = met.user_name_key
      OR (gone.email_key = met.email_key AND met.email_key <> '')
), mail AS (
  -- Whom only the address says: members whom no directory knows, and who have no password to a name that would change.
  SELECT met.external_id, count(*) AS candidates, CASE count(*) WHEN 1 THEN (array_agg(member.id))[1] END AS member_id,
         max(member.version) AS version
    FROM met JOIN identity_member member ON member.organization_id = %(organization)s AND member.email_key = met.email_key
   WHERE met.same_id IS NULL AND met.email_key <> '' AND member.state <> 'offboarded' AND member.password LIKE %(no_password)s
     AND EXISTS (
       SELECT 1 FROM identity_domain domain WHERE domain.organization_id = %(organization)s AND domain.proved_at IS NOT NULL
          AND domain.name = split_part(met.email_key, '@', 2))
     AND NOT EXISTS (
       SELECT 1 FROM identity_link link WHERE link.organization_id = %(organization)s AND link.member_id = member.id
          AND link.tombstoned_at IS NULL
          AND (link.directory_id <> %(directory)s OR link.moved_at IS NULL OR link.external_id IS NOT NULL))
   GROUP BY met.external_id
), judged AS (
  SELECT met.*, mail.candidates, mail.member_id AS mail_id, mail.version AS mail_version,
         CASE WHEN active IS FALSE AND awaited_as IS NULL THEN 'inactive'
              WHEN active IS NULL THEN 'status_unknown'
              WHEN EXISTS (SELECT 1 FROM identity_link link WHERE link.organization_id = %(organization)s
                 AND link.directory_id = %(directory)s AND link.external_id = met.external_id AND link.moved_at IS NOT NULL
                 AND link.tombstoned_at IS NOT NULL) THEN 'moved_away'
              WHEN nth > 1 THEN 'user_name_twice'
              WHEN awaited_as = 'offboarded' THEN 'offboarded'
              -- Somebody who left here while the directory was being read must not come back under the same name.
              WHEN met.user_name_key IN (SELECT user_name_key FROM identity_member WHERE organization_id = %(organization)s
                 AND state = 'offboarded' AND offboarded_at >= %(begun)s) THEN 'newer_news'
              WHEN buried.external_id IS NOT NULL THEN 'tombstoned'
              WHEN same_id IS NOT NULL AND awaited_as IS NULL AND NOT adoptable THEN 'user_name_taken'
              WHEN same_id IS NULL AND mail.candidates > 1 THEN 'email_taken'
              ELSE '' END AS verdict
    FROM met LEFT JOIN mail ON mail.external_id = met.external_id LEFT JOIN buried ON buried.external_id = met.external_id
), meant AS (
  -- Of several with one mailbox one is the member who has it: whoever has the name too, else the first; the others are people of their own.
  SELECT judged.*, row_number() OVER (PARTITION BY COALESCE(same_id, mail_id), verdict ORDER BY same_id IS NULL, external_id) AS claim
    FROM judged
), new_people AS (
  SELECT external_id, digest, user_name AS label,
         CASE WHEN claim = 1 OR same_id IS NOT NULL THEN COALESCE(same_id, mail_id) END AS member_id,
         CASE WHEN claim = 1 OR same_id IS NOT NULL THEN COALESCE(same_version, mail_version) END AS member_version,
         CASE WHEN verdict = 'inactive' THEN NULL WHEN verdict <> '' THEN 'skip'
              WHEN COALESCE(same_id, mail_id) IS NOT NULL AND claim = 1 THEN 'link' ELSE 'create' END AS action,
         verdict AS reason
    FROM meant
), returned AS (
  SELECT known.external_id, known.digest, member.user_name AS label, member.id AS member_id, member.version AS member_version,
         member.changed_at
    FROM tasks_known known
    JOIN identity_member member ON member.organization_id = %(organization)s AND member.id = known.member_id
   WHERE known.directory_id = %(directory)s AND known.shut_for = 'absent' AND member.state = 'suspended'
     AND member.suspended_at = known.shut_at
     AND known.external_id IN (SELECT external_id FROM seen)
     AND NOT EXISTS (SELECT 1 FROM tasks_stagedperson staged WHERE staged.run_id = %(run)s AND staged.external_id = known.external_id)
), gone AS (
  SELECT known.external_id, known.digest, known.member_id, 'removed' AS reason
    FROM tasks_known known
    JOIN tasks_stagedperson staged ON staged.run_id = %(run)s AND staged.external_id = known.external_id AND staged.word = 'removed'
   WHERE known.directory_id = %(directory)s
  UNION ALL
  SELECT known.external_id, known.digest, known.member_id, 'absent'
    FROM tasks_known known
   WHERE known.directory_id = %(directory)s AND %(complete)s AND %(whole)s AND known.gone_at IS NULL
     AND (%(rescoped)s OR known.missing_runs + 1 >= %(absent_runs)s OR known.missing_since <= %(absent_before)s)
     AND NOT EXISTS (SELECT 1 FROM seen WHERE seen.external_id = known.external_id)
     AND NOT EXISTS (SELECT 1 FROM tasks_stagedperson staged WHERE staged.run_id = %(run)s AND staged.external_id = known.external_id)
), verdict AS (
  -- Who was changed here while the directory was being read: what it says is older.
  SELECT external_id, digest, label, member_id, member_version,
         CASE WHEN action <> 'skip' AND changed_at >= %(begun)s THEN 'skip' ELSE action END AS action,
         CASE WHEN action <> 'skip' AND changed_at >= %(begun)s THEN 'newer_news' ELSE reason END AS reason, had, wanted
    FROM known_people WHERE action IS NOT NULL
  UNION ALL
  SELECT external_id, digest, label, member_id, member_version, action, reason, NULL, NULL FROM new_people WHERE action IS NOT NULL
  UNION ALL
  SELECT external_id, digest, label, member_id, member_version, CASE WHEN changed_at >= %(begun)s THEN 'skip' ELSE 'reactivate' END,
         CASE WHEN changed_at >= %(begun)s THEN 'newer_news' ELSE '' END, NULL, NULL FROM returned
  UNION ALL
  SELECT gone.external_id, gone.digest, member.user_name, member.id, member.version,
         CASE WHEN member.changed_at >= %(begun)s THEN 'skip' ELSE 'suspend' END,
         CASE WHEN member.changed_at >= %(begun)s THEN 'newer_news' ELSE gone.reason END, NULL, NULL
    FROM gone JOIN identity_member member ON member.organization_id = %(organization)s AND member.id = gone.member_id
         AND member.state = 'active'
), placed AS (
  SELECT verdict.*, COALESCE((%(places)s::jsonb ->> action)::smallint, 9) AS place FROM verdict
)
INSERT INTO identity_step (id, organization_id, run_id, number, place, action, external_id, label, member_id, version, digest,
  fields, reason, state)
SELECT gen_random_uuid(), %(organization)s, %(run)s, row_number() OVER (ORDER BY place, external_id), place, action, external_id, label,
       member_id, member_version, digest,
       CASE WHEN had IS NULL THEN '[]'::jsonb ELSE COALESCE((
         SELECT jsonb_agg(name ORDER BY name) FROM jsonb_object_keys(had || wanted) AS name WHERE had -> name IS DISTINCT FROM
           wanted -> name),
         '[]'::jsonb) END,
       reason, CASE WHEN action = 'skip' THEN 'skipped' ELSE %(state)s END
  FROM placed
"""
)

# Complete listings count whom they lack; whoever is there again is no longer missing.
MISSING: Final = (
    "WITH "  # noqa: S608
    + SEEN
    + """
UPDATE tasks_known known SET missing_since = COALESCE(missing_since, %(now)s), missing_runs = missing_runs + 1
  FROM identity_member member
 WHERE known.directory_id = %(directory)s AND known.gone_at IS NULL AND member.organization_id = %(organization)s
   AND member.id = known.member_id AND member.state = 'active' AND known.missing_runs < 1000
   AND NOT EXISTS (SELECT 1 FROM tasks_stagedperson staged WHERE staged.run_id = %(run)s AND staged.external_id = known.external_id)
   AND NOT EXISTS (SELECT 1 FROM seen WHERE seen.external_id = known.external_id)
"""
)
FOUND: Final = """
UPDATE tasks_known known SET missing_since = NULL, missing_runs = 0
  FROM (SELECT jsonb_array_elements_text(seen) AS external_id FROM tasks_stagedpage WHERE run_id = %(run)s
         UNION ALL SELECT external_id FROM tasks_stagedperson WHERE run_id = %(run)s) AS said
 WHERE known.directory_id = %(directory)s AND known.missing_since IS NOT NULL AND known.external_id = said.external_id
"""
COUNTS: Final = """
SELECT action, reason, state, count(*) FROM identity_step WHERE organization_id = %(organization)s AND run_id = %(run)s GROUP BY 1, 2, 3
"""
HASH: Final = """
SELECT encode(sha256(convert_to(COALESCE(string_agg(concat_ws(E'\\t', place, action, external_id, reason, encode(digest, 'hex')), E'\\n'
         ORDER BY number), ''), 'UTF8')), 'hex')
  FROM identity_step WHERE organization_id = %(organization)s AND run_id = %(run)s AND state <> 'skipped'
"""
