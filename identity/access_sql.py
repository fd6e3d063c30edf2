"""The statements behind access questions, each in two forms (identity.two_times).

Groups are in groups (identity.nesting): `within` are the groups that a member is in, directly or through others, each since both held.
"""

from identity.two_times import forms

# Up from the resource asked about: `enough` are the permissions that would do on each resource above. `way` has only what comes through
# other groups: where there is none of that, nobody waits for it.
CHECK = forms("""
WITH RECURSIVE asked AS (
  SELECT question.n, member.id AS member_id, resource.id AS resource_id, resource.parent_id, question.permission,
         kind.permissions[array_position(kind.permissions, question.permission):] AS enough,
         CASE WHEN member.id IS NULL THEN 'unknown_member'
              WHEN kind.id IS NULL THEN 'unknown_kind'
              WHEN NOT question.permission = ANY (kind.permissions) THEN 'unknown_permission'
              WHEN resource.id IS NULL THEN 'unknown_resource'
              ELSE WHY_OUT(member) END AS refusal
    FROM unnest(%(member)s::uuid[], %(permission)s::text[], %(kind)s::text[], %(key)s::text[]) WITH ORDINALITY
         AS question (member_id, permission, kind, key, n)
    JOIN identity_organization organization ON organization.id = %(organization)s
    LEFT JOIN identity_member member ON member.organization_id = %(organization)s AND member.id = question.member_id
    LEFT JOIN identity_kind kind ON kind.organization_id = %(organization)s AND kind.name = question.kind
    LEFT JOIN identity_resource resource ON resource.organization_id = %(organization)s AND resource.kind_id = kind.id
          AND resource.key = question.key AND HERE(resource)
), up AS (
  SELECT n, member_id, resource_id, parent_id, enough, 0 AS distance FROM asked WHERE refusal IS NULL
  UNION ALL
  SELECT up.n, up.member_id, above.id, above.parent_id, kind.permissions[step.weakest:], up.distance + 1
    FROM up
    JOIN identity_resource above ON above.organization_id = %(organization)s AND above.id = up.parent_id AND HERE(above)
    JOIN identity_kind kind ON kind.organization_id = %(organization)s AND kind.id = above.kind_id
   CROSS JOIN LATERAL (
     SELECT min(array_position(kind.permissions, permission)) AS weakest FROM unnest(up.enough) AS permission) AS step
   WHERE step.weakest IS NOT NULL
), way AS (
  SELECT asker.member_id, nesting.parent_id AS group_id, GREATEST(membership.started_at, nesting.started_at) AS started_at, 1 AS steps
    FROM (SELECT DISTINCT member_id FROM asked WHERE refusal IS NULL) AS asker
    JOIN identity_membership membership ON membership.organization_id = %(organization)s AND membership.member_id = asker.member_id
         AND OPEN(membership)
    JOIN identity_nesting nesting ON nesting.organization_id = %(organization)s AND nesting.child_id = membership.group_id AND OPEN(nesting)
  UNION ALL
  SELECT way.member_id, nesting.parent_id, GREATEST(way.started_at, nesting.started_at), way.steps + 1
    FROM way JOIN identity_nesting nesting ON nesting.organization_id = %(organization)s AND nesting.child_id = way.group_id
         AND OPEN(nesting)
   WHERE way.steps < DEPTH_MAX
), found AS (
  SELECT DISTINCT ON (up.n) up.n, up.distance, up.resource_id, given.*
    FROM up CROSS JOIN LATERAL (
      SELECT * FROM (
        SELECT given.id, given.permission, given.origin, given.started_at, '' AS through FROM identity_grant given
         WHERE given.organization_id = %(organization)s AND given.member_id = up.member_id
           AND given.resource_id = up.resource_id AND given.permission = ANY (up.enough) AND OPEN(given)
        UNION ALL
        SELECT mapped.id, mapped.permission, 'group', GREATEST(mapped.started_at, membership.started_at), grouping.display_name
          FROM identity_membership membership
          JOIN identity_groupgrant mapped ON mapped.organization_id = %(organization)s AND mapped.group_id = membership.group_id
               AND mapped.resource_id = up.resource_id AND mapped.permission = ANY (up.enough) AND OPEN(mapped)
          JOIN identity_group grouping ON grouping.organization_id = %(organization)s AND grouping.id = membership.group_id
         WHERE membership.organization_id = %(organization)s AND membership.member_id = up.member_id AND OPEN(membership)
        UNION ALL
        SELECT mapped.id, mapped.permission, 'group', GREATEST(mapped.started_at, way.started_at), grouping.display_name
          FROM way
          JOIN identity_groupgrant mapped ON mapped.organization_id = %(organization)s AND mapped.group_id = way.group_id
               AND mapped.resource_id = up.resource_id AND mapped.permission = ANY (up.enough) AND OPEN(mapped)
          JOIN identity_group grouping ON grouping.organization_id = %(organization)s AND grouping.id = way.group_id
         WHERE way.member_id = up.member_id
      ) AS given
      -- The limit keeps the planner, who expects many rows of a recursion, from reading all grants at once.
      ORDER BY given.through <> '', array_position(up.enough, given.permission), given.started_at LIMIT 1
    ) AS given
   ORDER BY up.n, up.distance
)
SELECT asked.refusal, found.id, found.permission, found.origin, found.started_at,
       CASE WHEN found.distance > 0 THEN kind.name || ' ' || resource.key ELSE '' END,
       found.permission <> asked.permission, found.through
  FROM asked
  LEFT JOIN found ON found.n = asked.n
  LEFT JOIN identity_resource resource ON resource.organization_id = %(organization)s AND resource.id = found.resource_id
  LEFT JOIN identity_kind kind ON kind.organization_id = %(organization)s AND kind.id = resource.kind_id
 ORDER BY asked.n
""")

# Down from what was given: `included` are the permissions that it comes to on each resource below. With a limit, what was given comes
# before what is below it. Resources are looked up one by one (`OFFSET 0` holds the planner to it): of an organization that has just
# registered many the statistics know nothing yet, and read as a whole they were compared with every grant.
REACH = forms("""
WITH RECURSIVE WITHIN_GROUPS, given AS (
  SELECT given.id, given.permission, given.origin, given.started_at, given.resource_id, '' AS through FROM identity_grant given
   WHERE given.organization_id = %(organization)s AND given.member_id = %(member)s AND OPEN(given)
  UNION ALL
  SELECT mapped.id, mapped.permission, 'group', GREATEST(mapped.started_at, within.started_at), mapped.resource_id,
         grouping.display_name
    FROM within
    JOIN identity_groupgrant mapped ON mapped.organization_id = %(organization)s AND mapped.group_id = within.group_id AND OPEN(mapped)
    JOIN identity_group grouping ON grouping.organization_id = %(organization)s AND grouping.id = within.group_id
   LIMIT %(limit)s
), reach AS (
  SELECT given.id AS grant_id, given.origin, given.started_at, given.through, resource.id AS resource_id, resource.id AS granted_id,
         kind.permissions[:array_position(kind.permissions, given.permission)] AS included
    FROM given
   CROSS JOIN LATERAL (
     SELECT resource.id, resource.kind_id FROM identity_resource resource
      WHERE resource.organization_id = %(organization)s AND resource.id = given.resource_id AND HERE(resource) OFFSET 0) AS resource
    JOIN identity_kind kind ON kind.organization_id = %(organization)s AND kind.id = resource.kind_id
  UNION ALL
  SELECT reach.grant_id, reach.origin, reach.started_at, reach.through, child.id, reach.granted_id, kind.permissions[:step.strongest]
    FROM reach
   CROSS JOIN LATERAL (
     SELECT child.id, child.kind_id FROM identity_resource child
      WHERE child.organization_id = %(organization)s AND child.parent_id = reach.resource_id AND HERE(child) OFFSET 0) AS child
    JOIN identity_kind kind ON kind.organization_id = %(organization)s AND kind.id = child.kind_id
   CROSS JOIN LATERAL (
     SELECT max(array_position(kind.permissions, permission)) AS strongest FROM unnest(reach.included) AS permission) AS step
   WHERE step.strongest IS NOT NULL
)
SELECT kind.name, resource.key, resource.name, reach.included[cardinality(reach.included)], reach.origin, reach.started_at,
       CASE WHEN reach.granted_id = resource.id THEN '' ELSE granted_kind.name || ' ' || granted.key END, reach.grant_id,
       reach.through
  FROM (SELECT * FROM reach LIMIT %(limit)s) AS reach
 CROSS JOIN LATERAL (
   SELECT resource.id, resource.kind_id, resource.key, resource.name FROM identity_resource resource
    WHERE resource.organization_id = %(organization)s AND resource.id = reach.resource_id OFFSET 0) AS resource
  JOIN identity_kind kind ON kind.id = resource.kind_id AND kind.organization_id = %(organization)s
 CROSS JOIN LATERAL (
   SELECT granted.kind_id, granted.key FROM identity_resource granted
    WHERE granted.organization_id = %(organization)s AND granted.id = reach.granted_id OFFSET 0) AS granted
  JOIN identity_kind granted_kind ON granted_kind.id = granted.kind_id AND granted_kind.organization_id = %(organization)s
 ORDER BY kind.name, resource.key, 4, 7, reach.through, reach.grant_id
""")

# For each permission of the resource's kind, what would do above; then whoever was given any of it.
WHO = forms("""
WITH RECURSIVE up AS (
  SELECT wanted.permission, wanted.place, resource.id AS resource_id, resource.parent_id, kind.permissions[wanted.place:] AS enough,
         0 AS distance
    FROM identity_resource resource
    JOIN identity_kind kind ON kind.organization_id = %(organization)s AND kind.id = resource.kind_id
   CROSS JOIN unnest(kind.permissions) WITH ORDINALITY AS wanted (permission, place)
   WHERE resource.organization_id = %(organization)s AND resource.id = %(resource)s AND HERE(resource)
  UNION ALL
  SELECT up.permission, up.place, above.id, above.parent_id, kind.permissions[step.weakest:], up.distance + 1
    FROM up
    JOIN identity_resource above ON above.organization_id = %(organization)s AND above.id = up.parent_id AND HERE(above)
    JOIN identity_kind kind ON kind.organization_id = %(organization)s AND kind.id = above.kind_id
   CROSS JOIN LATERAL (
     SELECT min(array_position(kind.permissions, permission)) AS weakest FROM unnest(up.enough) AS permission) AS step
   WHERE step.weakest IS NOT NULL
), mapped AS (
  SELECT DISTINCT mapped.group_id FROM up
    JOIN identity_groupgrant mapped ON mapped.organization_id = %(organization)s AND mapped.resource_id = up.resource_id
         AND mapped.permission = ANY (up.enough) AND OPEN(mapped)
), way AS (
  SELECT group_id AS top_id, group_id, '-infinity'::timestamptz AS started_at, 0 AS steps FROM mapped
  UNION ALL
  SELECT way.top_id, nesting.child_id, GREATEST(way.started_at, nesting.started_at), way.steps + 1
    FROM way JOIN identity_nesting nesting ON nesting.organization_id = %(organization)s AND nesting.parent_id = way.group_id
         AND OPEN(nesting)
   WHERE way.steps < DEPTH_MAX
), found AS (
  SELECT DISTINCT ON (given.member_id, given.id) up.permission AS comes_to, up.distance, up.resource_id, given.*
    FROM up CROSS JOIN LATERAL (
      SELECT given.id, given.member_id, given.permission, given.origin, given.started_at, '' AS through FROM identity_grant given
       WHERE given.organization_id = %(organization)s AND given.resource_id = up.resource_id
         AND given.permission = ANY (up.enough) AND OPEN(given)
      UNION ALL
      SELECT mapped.id, membership.member_id, mapped.permission, 'group',
             GREATEST(mapped.started_at, membership.started_at, way.started_at), grouping.display_name
        FROM identity_groupgrant mapped
        JOIN way ON way.top_id = mapped.group_id
        JOIN identity_membership membership ON membership.organization_id = %(organization)s
             AND membership.group_id = way.group_id AND OPEN(membership)
        JOIN identity_group grouping ON grouping.organization_id = %(organization)s AND grouping.id = mapped.group_id
       WHERE mapped.organization_id = %(organization)s AND mapped.resource_id = up.resource_id
         AND mapped.permission = ANY (up.enough) AND OPEN(mapped)
    ) AS given
   ORDER BY given.member_id, given.id, up.place DESC, given.started_at
), chosen AS (
  SELECT DISTINCT member.id, member.user_name, member.display_name
    FROM found JOIN identity_member member ON member.organization_id = %(organization)s AND member.id = found.member_id
   WHERE member.id > %(after)s AND ACTIVE(member)
   ORDER BY member.id LIMIT %(limit)s
)
SELECT chosen.id, chosen.user_name, chosen.display_name, found.comes_to, found.id, found.permission, found.origin, found.started_at,
       CASE WHEN found.distance > 0 THEN kind.name || ' ' || resource.key ELSE '' END, found.permission <> found.comes_to,
       found.through
  FROM chosen
  JOIN found ON found.member_id = chosen.id
  JOIN identity_resource resource ON resource.organization_id = %(organization)s AND resource.id = found.resource_id
  JOIN identity_kind kind ON kind.organization_id = %(organization)s AND kind.id = resource.kind_id
 ORDER BY chosen.id, found.distance, found.id
""")

ROLES = forms("""
WITH RECURSIVE WITHIN_GROUPS
SELECT role.name, held.origin, held.started_at, '' FROM identity_roleassignment held
  JOIN identity_role role ON role.organization_id = %(organization)s AND role.id = held.role_id
 WHERE held.organization_id = %(organization)s AND held.member_id = %(member)s AND OPEN(held)
UNION ALL
SELECT role.name, 'group', GREATEST(mapped.started_at, within.started_at), grouping.display_name
  FROM within
  JOIN identity_grouprole mapped ON mapped.organization_id = %(organization)s AND mapped.group_id = within.group_id AND OPEN(mapped)
  JOIN identity_group grouping ON grouping.organization_id = %(organization)s AND grouping.id = within.group_id
  JOIN identity_role role ON role.organization_id = %(organization)s AND role.id = mapped.role_id
 ORDER BY 1, 4
""")

CAPABILITIES = forms("""
WITH RECURSIVE WITHIN_GROUPS
SELECT role.capabilities FROM identity_roleassignment held
  JOIN identity_role role ON role.organization_id = %(organization)s AND role.id = held.role_id
 WHERE held.organization_id = %(organization)s AND held.member_id = %(member)s AND OPEN(held)
UNION
SELECT role.capabilities FROM within
  JOIN identity_grouprole mapped ON mapped.organization_id = %(organization)s AND mapped.group_id = within.group_id AND OPEN(mapped)
  JOIN identity_role role ON role.organization_id = %(organization)s AND role.id = mapped.role_id
""")[0]

GROUPS = forms("""
WITH RECURSIVE WITHIN_GROUPS
SELECT grouping.id, grouping.display_name FROM within
  JOIN identity_group grouping ON grouping.organization_id = %(organization)s AND grouping.id = within.group_id
 ORDER BY grouping.display_name, grouping.id
""")

# Down from a group: everybody who is in it, directly or through other groups, and which of the named roles groups bring to each today.
IN_GROUP = forms("""
WITH RECURSIVE way AS (
  SELECT %(group)s::uuid AS group_id, 0 AS steps
  UNION
  SELECT nesting.child_id, way.steps + 1
    FROM way JOIN identity_nesting nesting ON nesting.organization_id = %(organization)s AND nesting.parent_id = way.group_id
         AND OPEN(nesting)
   WHERE way.steps < DEPTH_MAX
)
SELECT DISTINCT membership.member_id FROM way
  JOIN identity_membership membership ON membership.organization_id = %(organization)s AND membership.group_id = way.group_id
       AND OPEN(membership)
""")

ROLES_BROUGHT = forms("""
WITH RECURSIVE way AS (
  SELECT membership.member_id, membership.group_id, 0 AS steps FROM identity_membership membership
   WHERE membership.organization_id = %(organization)s AND membership.member_id = ANY (%(members)s::uuid[]) AND OPEN(membership)
  UNION
  SELECT way.member_id, nesting.parent_id, way.steps + 1
    FROM way JOIN identity_nesting nesting ON nesting.organization_id = %(organization)s AND nesting.child_id = way.group_id
         AND OPEN(nesting)
   WHERE way.steps < DEPTH_MAX
)
SELECT DISTINCT way.member_id, role.name FROM way
  JOIN identity_grouprole mapped ON mapped.organization_id = %(organization)s AND mapped.group_id = way.group_id AND OPEN(mapped)
  JOIN identity_role role ON role.organization_id = %(organization)s AND role.id = mapped.role_id AND role.name = ANY (%(roles)s)
""")[0]
