//! XenStore as one guest sees it: answered from that guest's own tree.
