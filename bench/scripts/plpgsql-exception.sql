SELECT exceptions(100);
