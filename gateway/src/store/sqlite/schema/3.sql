-- The operator's list: everybody's jobs in one state or at one provider. Ids sort by time, so these
-- are also its order.
CREATE INDEX jobs_of_all_by_status ON jobs (status, id);
CREATE INDEX jobs_of_all_by_provider ON jobs (provider, id);
