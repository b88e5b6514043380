/*
 * The Kubernetes API server: one client with pooled connections, collections kept in memory that survive every kind of loss,
 * and what a controller writes with them: work queue, lease, events, status, pull secrets.
 */
