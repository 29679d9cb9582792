-- Which branches have something to show, without a look at those that have not: every page of a repository asks whether there is one.
CREATE INDEX preview_hosts_shown ON preview_hosts (repo_id, branch) WHERE state <> '';
